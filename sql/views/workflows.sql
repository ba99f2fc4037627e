create or replace view dreamlit.workflows as
select
  w.workflow_id,
  w.name,
  w.state,
  v.version,
  v.trigger_table as watches,
  v.operations,
  v.publisher,
  v.published_at,
  w.state_changed_at,
  (select count(*) from dreamlit._runs as r where r.workflow_id = w.workflow_id) as open_runs,
  v.definition,
  w.sandbox,
  w.redirect
from dreamlit._workflows as w
join dreamlit._versions as v on v.version_id = w.version_id;
comment on view dreamlit.workflows is 'One row a workflow, with its published version.';
comment on column dreamlit.workflows.workflow_id is 'The workflow''s id.';
comment on column dreamlit.workflows.name is 'The name that the definition gives it; pause, resume, unpublish and start take it.';
comment on column dreamlit.workflows.state is
  'active, paused (events are captured, nothing moves) or unpublished (no trigger; open runs finish).';
comment on column dreamlit.workflows.version is 'The number of the published version, from 1.';
comment on column dreamlit.workflows.watches is
  'The watched table under its name as of publishing; null for a workflow that is only called.';
comment on column dreamlit.workflows.operations is 'Which changes of a row start a run: insert, update, delete.';
comment on column dreamlit.workflows.publisher is 'The role with whose rights the workflow''s SQL runs.';
comment on column dreamlit.workflows.published_at is 'When the version was published.';
comment on column dreamlit.workflows.state_changed_at is
  'When the workflow was last published anew, paused, resumed or unpublished.';
comment on column dreamlit.workflows.open_runs is 'How many runs have not finished, of all versions.';
comment on column dreamlit.workflows.definition is 'The definition as it was published, with its template files.';
comment on column dreamlit.workflows.sandbox is 'Whether its messages are held until dreamlit.release or dreamlit.discard.';
comment on column dreamlit.workflows.redirect is
  'Where its messages go instead of to their recipients: {"email", "slack"}; null for nowhere else.';
