create table if not exists dreamlit._held_messages (
  message_id bigint primary key,
  created_at timestamptz not null,
  workflow_id bigint,
  held_at timestamptz not null,
  reason text not null,
  claims integer not null default 0,
  constraint _held_messages_reason_check check (reason in ('uncertain', 'sandbox'))
);
create index if not exists _held_messages_workflow_id_idx on dreamlit._held_messages (workflow_id);
comment on table dreamlit._held_messages is
  'Messages that wait for a person (dreamlit.release or dreamlit.discard): a provider may or may not have accepted them, or '
  'their workflow is in the sandbox.';
