create or replace function dreamlit._dequeue(p_queue text, p_message_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
  if cardinality(p_message_ids) > 0 then
    execute format('delete from pgmq.%I as q where q.msg_id = any ($1)', 'q_' || p_queue) using p_message_ids;
  end if;
end;
$$;
comment on function dreamlit._dequeue(text, bigint[]) is 'Takes messages off their outbox queue.';
