create table if not exists dreamlit._topics (
  topic text primary key,
  title text not null,
  description text,
  created_at timestamptz not null,
  changed_at timestamptz not null,
  constraint _topics_topic_check check (topic ~ '^[a-z][a-z0-9_-]{0,39}$')
);
comment on table dreamlit._topics is 'What people may choose to get or not: each email that is not transactional belongs to one.';
