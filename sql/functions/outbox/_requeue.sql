create or replace function dreamlit._requeue(p_queue text, p_message_ids bigint[], p_ready_at timestamptz[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
begin
  execute format($sql$
    update pgmq.%I as q set vt = u.ready_at, headers = null
    from unnest($1, $2) as u(message_id, ready_at)
    where q.msg_id = any ($1) and q.msg_id = u.message_id $sql$, 'q_' || p_queue)
  using p_message_ids, p_ready_at;
end;
$$;
comment on function dreamlit._requeue(text, bigint[], timestamptz[]) is
  'Gives claimed messages back to their queue, to be claimed again from p_ready_at on.';
