create or replace function dreamlit._claim_messages(p_queue text, p_quantity integer, p_lease interval, p_sender text)
returns table (message_id bigint, attempt integer, content jsonb, lease_until timestamptz)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_cancelled bigint[];
  v_claimed dreamlit._claimed[];
begin
  -- A message posted while its run was being cancelled: cancel_run could not see it yet.
  execute format($sql$
    with leased as (%s), looked as (
      select l.msg_id, l.read_ct, l.vt, m.content, coalesce(r.cancelling, false) as cancelled
      from leased as l
      join dreamlit._messages as m on m.message_id = l.msg_id and m.created_at = (l.message ->> 'created_at')::timestamptz
      left join dreamlit._runs as r on r.run_id = m.run_id
    )
    select array_agg(k.msg_id) filter (where k.cancelled),
      array_agg((k.msg_id, k.read_ct, k.content, k.vt)::dreamlit._claimed order by k.msg_id) filter (where not k.cancelled)
    from looked as k $sql$, dreamlit._lease_sql(p_queue))
  into v_cancelled, v_claimed using p_quantity, p_lease, p_sender;
  perform dreamlit._cancel_messages(v_cancelled);
  return query select c.message_id, c.attempt, c.content, c.lease_until from unnest(v_claimed) as c;
end;
$$;
comment on function dreamlit._claim_messages(text, integer, interval, text) is
  'Leases messages of one queue; those of a run being cancelled are cancelled instead.';
