-- What is paused, in the sandbox (unless a person released it), started (an interrupted delivery: _reap decides) or not yet
-- visible is stepped over. Renderings of the sandbox go on: nothing leaves with them, and what they make is held.
create or replace function dreamlit._lease(p_queue text, p_quantity integer, p_lease interval, p_sender text) returns dreamlit._claimed[]
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_began_at constant timestamptz := clock_timestamp();
  v_from constant bigint := dreamlit._low_mark(p_queue);
  v_first constant timestamptz := dreamlit._first_ready(p_queue, v_from);
  v_paused constant bigint[] := array(select w.workflow_id from dreamlit._workflows as w where w.state = 'paused');
  v_held constant bigint[] := array(
    select w.workflow_id from dreamlit._workflows as w where w.state = 'paused' or (w.sandbox and p_queue <> 'dreamlit_render'));
  v_leased dreamlit._claimed[];
  v_last timestamptz;
begin
  if v_first is null then
    perform dreamlit._set_low_mark(p_queue, v_from, dreamlit._mark(dreamlit._now()), true, v_began_at);
    return null;
  end if;
  execute format($sql$
    with ready as materialized (
      select r.msg_id, r.vt from pgmq.%1$I as r
      where r.vt <= dreamlit._now() and r.vt >= $4 and not coalesce(r.headers ? 'started_at', false)
        and ((r.message -> 'workflow_id')::bigint <> all ($5)
          or r.message ? 'released' and (r.message -> 'workflow_id')::bigint <> all ($6))
      order by r.vt, r.msg_id
      limit $1
      for update skip locked
    ), leased as (
      update pgmq.%1$I as q
      set vt = dreamlit._now() + $2, read_ct = q.read_ct + 1, last_read_at = dreamlit._now(), headers = jsonb_build_object('sender', $3)
      where q.msg_id = any (array(select r.msg_id from ready as r))
      returning q.msg_id, q.read_ct, q.vt, q.message
    )
    select array_agg((l.msg_id, l.read_ct, l.message, l.vt, null)::dreamlit._claimed), (select max(r.vt) from ready as r) from leased as l $sql$, 'q_' || p_queue)
  into v_leased, v_last using p_quantity, p_lease, p_sender, v_first, v_held, v_paused;
  perform dreamlit._set_low_mark(p_queue, v_from,
    dreamlit._mark(case when coalesce(cardinality(v_leased), 0) < p_quantity then dreamlit._now() else v_last end),
    coalesce(cardinality(v_leased), 0) < p_quantity, v_began_at);
  return v_leased;
end;
$$;
comment on function dreamlit._lease(text, integer, interval, text) is
  'Leases up to p_quantity ready rows of an outbox queue, or renderings, to a sender and returns them, the queue''s message in place '
  'of the content; null for none.';
