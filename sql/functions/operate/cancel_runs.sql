create or replace function dreamlit.cancel_runs(
  workflow text default null, since timestamptz default null, until timestamptz default null, dry_run boolean default false)
returns table (runs bigint, messages bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_runs constant bigint[] := array(
    select m.run_id from dreamlit._matching_runs($1, array['running', 'failed'], $2, $3) as m
    join dreamlit._runs as r on r.run_id = m.run_id order by m.run_id);
  v_messages bigint;
begin
  select count(*) into v_messages from dreamlit._messages as m
  where m.run_id = any (v_runs) and m.state in ('queued', 'uncertain', 'held')
    and not exists (select from dreamlit._outbox as o where o.message_id = m.message_id and o.headers ? 'started_at');
  if not dry_run and v_runs <> '{}' then
    perform dreamlit._cancel_runs(v_runs);
  end if;
  return query select cardinality(v_runs)::bigint, v_messages;
end;
$$;
comment on function dreamlit.cancel_runs(text, timestamptz, timestamptz, boolean) is
  'Cancels all open runs of a workflow (null for all) that started since and before the times, with their queued and held '
  'messages; returns how many of both. With dry_run it only counts. Raises DL001 without workflow and since, DL002 for an unknown '
  'workflow.';
grant execute on function dreamlit.cancel_runs(text, timestamptz, timestamptz, boolean) to dreamlit_admin;
