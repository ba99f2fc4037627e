create table if not exists dreamlit._uncertain_messages (
  message_id bigint primary key,
  created_at timestamptz not null,
  workflow_id bigint not null,
  held_at timestamptz not null
);
comment on table dreamlit._uncertain_messages is
  'Messages that a provider may or may not have accepted, held for a person: dreamlit.release or dreamlit.discard.';
