create table if not exists dreamlit._migrations (
  migration text primary key,
  applied_at timestamptz not null default now()
);
comment on table dreamlit._migrations is
  'The files of sql/migrations that this database has had. A fresh installation has them all from the start.';
