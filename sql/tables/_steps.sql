create table if not exists dreamlit._steps (
  step_id bigint generated always as identity primary key,
  version_id bigint not null references dreamlit._versions,
  parent_step_id bigint references dreamlit._steps,
  position integer not null,
  name text not null,
  kind text not null,
  settings jsonb not null,
  if_function text,
  sql_function text,
  max_attempts integer not null,
  constraint _steps_name_key unique (version_id, name),
  constraint _steps_kind_check check (kind in ('trigger', 'wait', 'query', 'if', 'email', 'slack'))
);
create index if not exists _steps_parent_step_id_idx on dreamlit._steps (parent_step_id);
comment on table dreamlit._steps is
  'The tree of a version, one row a step. The root is the step named trigger; it alone has no parent.';
comment on column dreamlit._steps.if_function is
  'Compiled condition in dreamlit_workflows: (bigint[], jsonb[]) returns table (item_id bigint, result boolean).';
comment on column dreamlit._steps.sql_function is
  'Compiled query or wait-until in dreamlit_workflows: (bigint[], jsonb[]) returns table (item_id bigint, result jsonb or '
  'timestamptz).';
