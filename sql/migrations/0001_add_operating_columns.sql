alter table dreamlit._workflows add column sandbox boolean not null default false, add column redirect jsonb;

-- Renamed, not made anew: somebody's own view may stand on dreamlit.health, which reads it.
drop table dreamlit._held_messages;
alter table dreamlit._uncertain_messages rename to _held_messages;
alter table dreamlit._held_messages rename constraint _uncertain_messages_pkey to _held_messages_pkey;
alter table dreamlit._held_messages
  alter column workflow_id drop not null,
  add column reason text not null default 'uncertain',
  add column claims integer not null default 0,
  add constraint _held_messages_reason_check check (reason in ('uncertain', 'sandbox'));
alter table dreamlit._held_messages alter column reason drop default;
create index _held_messages_workflow_id_idx on dreamlit._held_messages (workflow_id);
comment on table dreamlit._held_messages is
  'Messages that wait for a person (dreamlit.release or dreamlit.discard): a provider may or may not have accepted them, or '
  'their workflow is in the sandbox.';

-- The engine's own alerts are messages without a run.
alter table dreamlit._messages
  alter column workflow_id drop not null,
  alter column step_id drop not null,
  alter column run_id drop not null,
  alter column task_id drop not null,
  drop constraint _messages_lane_check,
  add constraint _messages_lane_check check (lane in ('alert', 'urgent', 'bulk')),
  drop constraint _messages_state_check,
  add constraint _messages_state_check
    check (state in ('queued', 'sent', 'failed', 'uncertain', 'cancelled', 'held', 'discarded', 'suppressed'));

alter table dreamlit._releases add column breaking boolean not null default false;
alter table dreamlit._senders add column release text;
alter table dreamlit._attempts add column message_created_at timestamptz;
alter table dreamlit._versions add column unused_since xid8;

-- Functions whose result has other columns now cannot be replaced in place.
drop function dreamlit._partitioned_tables();
drop function dreamlit._housekeep();
drop function dreamlit._claim_messages(text, integer, interval, text);
