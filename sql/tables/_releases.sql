create table if not exists dreamlit._releases (
  release text primary key,
  installed_at timestamptz not null default now(),
  installed_by name not null default session_user,
  made text[],
  breaking boolean not null default false
);
comment on table dreamlit._releases is
  'The releases of dreamlit-pg that this database has had, one row each; the row is the first thing an installation writes.';
comment on column dreamlit._releases.made is
  'Which of pgmq, plpython3u, pg_cron the installation created; uninstalling takes them away again.';
