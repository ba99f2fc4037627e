-- 122 random bits, made once an installation; gen_random_uuid is PostgreSQL's own source of them.
create table if not exists dreamlit._salts (
  purpose text primary key,
  salt uuid not null default gen_random_uuid()
);
insert into dreamlit._salts (purpose) values ('suppression') on conflict do nothing;
comment on table dreamlit._salts is 'Random values that keep hashes of addresses from being looked up in a table made elsewhere.';
