create table if not exists dreamlit._chores (
  chore text primary key,
  every interval not null,
  due_at timestamptz not null default '-infinity'
) with (fillfactor = 50);
insert into dreamlit._chores (chore, every) values
  ('reap', '2 seconds'), ('drop partitions', '1 hour'), ('drop versions', '1 minute'), ('forget workers', '10 minutes'),
  ('alert', '10 seconds'), ('hold', '1 minute')
on conflict do nothing;
comment on table dreamlit._chores is 'What the worker does besides moving tasks, and when each is due next.';
