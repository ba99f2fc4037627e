create table if not exists dreamlit._versions (
  version_id bigint generated always as identity primary key,
  workflow_id bigint not null references dreamlit._workflows,
  version integer not null,
  definition jsonb not null,
  publisher name not null,
  trigger_table text,
  operations text[] not null,
  published_at timestamptz not null default now(),
  compiled boolean not null default true,
  unused_since xid8,
  template_references jsonb,
  search_path text,
  constraint _versions_version_key unique (workflow_id, version)
);
comment on table dreamlit._versions is
  'Immutable published definitions. compiled turns false when the version''s functions have been dropped, after its last run.';
comment on column dreamlit._versions.publisher is
  'The role that owns the version''s compiled functions; its SQL runs with that role''s rights.';
