create or replace function dreamlit._dequeue(p_queue text, p_message_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  execute format('delete from pgmq.%I as q where q.msg_id = any ($1)', 'q_' || p_queue) using p_message_ids;
end;
$$;
comment on function dreamlit._dequeue(text, bigint[]) is 'Takes messages off their outbox queue.';
