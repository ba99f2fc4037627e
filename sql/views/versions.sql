create or replace view dreamlit.versions as
select
  w.name as workflow,
  v.version,
  case
    when v.version_id = w.version_id and w.state <> 'unpublished' then 'published'
    when c.open_runs > 0 or c.waiting_events > 0 then 'draining'
    when v.compiled then 'retained'
    else 'retired' end as state,
  v.publisher,
  v.published_at,
  c.open_runs,
  c.waiting_events,
  c.failed_runs,
  v.definition
from dreamlit._versions as v
join dreamlit._workflows as w on w.workflow_id = v.workflow_id
cross join lateral (
  select
    (select count(*) from dreamlit._runs as r where r.version_id = v.version_id) as open_runs,
    -- Only what is compiled can have either; history is read back to where it could be retried.
    case when v.compiled then (
      select coalesce(sum(jsonb_array_length(case when jsonb_typeof(q.message -> 'events') = 'array' then q.message -> 'events' else '[]' end)), 0)
      from pgmq.q_dreamlit_events as q where q.message -> 'version' = to_jsonb(v.version_id)) else 0 end as waiting_events,
    case when v.compiled then (
      select count(*) from dreamlit._run_history as h
      where h.version_id = v.version_id and h.state = 'failed' and h.finished_at > dreamlit._now() - (
        select (s.value #>> '{}')::interval from dreamlit.settings() as s where s.name = 'keep_failed_versions')) else 0 end as failed_runs
) as c;
comment on view dreamlit.versions is
  'One row a version of a workflow that was ever published: select * from dreamlit.versions where state = ''draining'' shows the '
  'runs that still go by an old one.';
comment on column dreamlit.versions.workflow is 'The workflow''s name.';
comment on column dreamlit.versions.version is 'The version''s number, from 1.';
comment on column dreamlit.versions.state is
  'published; draining: replaced or unpublished, but with open runs or waiting events; retained: its compiled functions are kept '
  'for failed runs that may be retried; or retired: nothing can run on it any more.';
comment on column dreamlit.versions.publisher is 'The role that published it, with whose rights its SQL runs.';
comment on column dreamlit.versions.published_at is 'When it was published.';
comment on column dreamlit.versions.open_runs is 'How many of its runs have not finished; dreamlit.migrate_runs moves those that wait.';
comment on column dreamlit.versions.waiting_events is 'How many events that it captured wait in the queue.';
comment on column dreamlit.versions.failed_runs is
  'How many of its runs failed so lately that they can be retried (setting keep_failed_versions); 0 once it is retired.';
comment on column dreamlit.versions.definition is 'The definition as it was published, with its template files.';
