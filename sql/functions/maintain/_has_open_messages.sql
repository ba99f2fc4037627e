-- By the queues and the list of what is held, which are small: the day itself has no index by state, and may hold millions.
create or replace function dreamlit._has_open_messages(p_partition text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_from constant timestamptz := to_date(right(p_partition, 8), 'YYYYMMDD')::timestamp at time zone 'UTC';
  v_to constant timestamptz := v_from + interval '1 day';
  v_first bigint;
  v_last bigint;
  v_open boolean;
begin
  execute format('select min(m.message_id), max(m.message_id) from dreamlit.%I as m', p_partition) into v_first, v_last;
  if exists (
    select from dreamlit._held_messages as h where h.message_id between v_first and v_last and h.created_at >= v_from and h.created_at < v_to)
  then
    return true;
  end if;
  execute (
    select 'select exists (' || string_agg(format(
      'select from pgmq.%I as q where q.msg_id between $1 and $2 '
      'and (q.message ->> ''created_at'')::timestamptz >= $3 and (q.message ->> ''created_at'')::timestamptz < $4', 'q_' || n.queue), ' union all ') || ')'
    from dreamlit._queues() as n where n.queue ~ '_(alert|urgent|bulk)$')
  into v_open using v_first, v_last, v_from, v_to;
  return v_open;
end;
$$;
comment on function dreamlit._has_open_messages(text) is
  'Returns whether a day of messages (the name of its partition) has one that is queued, with a sender, or waits for a person.';
