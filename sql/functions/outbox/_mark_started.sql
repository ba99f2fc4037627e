-- The last gate before a message leaves: still claimed by this sender, its workflow neither paused nor in the sandbox, its run not being cancelled.
create or replace function dreamlit._mark_started(p_results dreamlit._result[]) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_queue text;
  v_some bigint[];
  v_started bigint[] := '{}';
  v_first timestamptz;
  v_last timestamptz;
begin
  select min(r.created_at), max(r.created_at) into v_first, v_last from unnest(p_results) as r;
  for v_queue in select distinct r.queue from unnest(p_results) as r loop
    execute format($sql$
      with started as (
        update pgmq.%I as q
        set vt = dreamlit._now() + $2, headers = jsonb_strip_nulls(jsonb_build_object(
          'sender', r.sender, 'started_at', dreamlit._now(), 'idempotent', case when r.idempotent then r.provider end))
        from unnest($1) as r
        cross join lateral (
          select m.* from dreamlit._messages as m
          where m.message_id = r.message_id and m.created_at = r.created_at and m.created_at between $4 and $5
          limit 1) as m
        left join dreamlit._workflows as w on w.workflow_id = m.workflow_id
        left join lateral (select n.cancelling from dreamlit._runs as n where n.run_id = m.run_id limit 1) as n on true
        where q.msg_id = any ($6) and q.msg_id = r.message_id and q.read_ct = r.attempt and r.queue = $3
          and m.state = 'queued' and w.state is distinct from 'paused' and (w.sandbox is not true or q.message ? 'released') and not coalesce(n.cancelling, false)
        returning q.msg_id
      )
      select array_agg(s.msg_id) from started as s $sql$, 'q_' || v_queue)
    into v_some using p_results, (dreamlit._setting('lease') #>> '{}')::interval, v_queue, v_first, v_last, array(select r.message_id from unnest(p_results) as r);
    v_started := v_started || v_some;
  end loop;
  return v_started;
end;
$$;
comment on function dreamlit._mark_started(dreamlit._result[]) is
  'Marks deliveries as begun and renews their lease; returns the ids of those that may be delivered.';
