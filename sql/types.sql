-- Private row types. They are made once; a change of one is a migration.
do $types$
begin
  if to_regtype('dreamlit._fault') is null then
    create type dreamlit._fault as (place text, fact text, hint text);
    create type dreamlit._claimed as (message_id bigint, attempt integer, content jsonb, lease_until timestamptz, asked_of text);
    create type dreamlit._result as (
      message_id bigint, created_at timestamptz, queue text, channel text, task_id bigint, attempt integer, sender text, started_at timestamptz,
      outcome text, fault text, code text, error text, retry_after double precision, provider text, provider_id text, content jsonb,
      attempts integer, verdict text, idempotent boolean, doubtful boolean);
  end if;
end;
$types$;
comment on type dreamlit._fault is
  'One fault of a definition: its place (steps[2].if), a fact with its value, and a hint with the action.';
comment on type dreamlit._claimed is 'A message as claim returns it.';
comment on type dreamlit._result is 'One outcome that a sender reported, with its outbox row and the verdict on it.';
