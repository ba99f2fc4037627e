create table if not exists dreamlit._workflows (
  workflow_id bigint generated always as identity primary key,
  name text not null,
  state text not null,
  version_id bigint,
  created_at timestamptz not null default now(),
  state_changed_at timestamptz not null default now(),
  sandbox boolean not null default false,
  redirect jsonb,
  constraint _workflows_name_key unique (name),
  constraint _workflows_state_check check (state in ('active', 'paused', 'unpublished'))
);
comment on table dreamlit._workflows is
  'One row a workflow name. version_id is the published version; null only inside the publishing transaction.';
