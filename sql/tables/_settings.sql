create table if not exists dreamlit._settings (
  name text primary key,
  value jsonb not null,
  changed_at timestamptz not null default now()
);
comment on table dreamlit._settings is
  'Settings of this installation; no secrets. Read by dreamlit._setting(name), written by dreamlit.set_setting(name, value).';
