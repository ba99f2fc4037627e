-- In the order of ids, so that two reports, or a report and a claim, never wait for each other in a circle. Plans are kept for the
-- session: one that was made while a queue was empty would read all of it later, hence no sequential scans, here and in the like.
create or replace function dreamlit._lock_outbox(p_message_ids bigint[])
returns table (message_id bigint, queue text, read_ct integer, message jsonb, headers jsonb)
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
  return query
  with email_alert as (
    select q.* from pgmq.q_dreamlit_email_alert as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), email_urgent as (
    select q.* from pgmq.q_dreamlit_email_urgent as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), email_bulk as (
    select q.* from pgmq.q_dreamlit_email_bulk as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), slack_alert as (
    select q.* from pgmq.q_dreamlit_slack_alert as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), slack_urgent as (
    select q.* from pgmq.q_dreamlit_slack_urgent as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), slack_bulk as (
    select q.* from pgmq.q_dreamlit_slack_bulk as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  ), render as (
    select q.* from pgmq.q_dreamlit_render as q where q.msg_id = any (p_message_ids) order by q.msg_id for update
  )
  select e.msg_id, 'dreamlit_email_alert', e.read_ct, e.message, e.headers from email_alert as e
  union all select e.msg_id, 'dreamlit_email_urgent', e.read_ct, e.message, e.headers from email_urgent as e
  union all select e.msg_id, 'dreamlit_email_bulk', e.read_ct, e.message, e.headers from email_bulk as e
  union all select e.msg_id, 'dreamlit_slack_alert', e.read_ct, e.message, e.headers from slack_alert as e
  union all select e.msg_id, 'dreamlit_slack_urgent', e.read_ct, e.message, e.headers from slack_urgent as e
  union all select e.msg_id, 'dreamlit_slack_bulk', e.read_ct, e.message, e.headers from slack_bulk as e
  union all select e.msg_id, 'dreamlit_render', e.read_ct, e.message, e.headers from render as e;
end;
$$;
comment on function dreamlit._lock_outbox(bigint[]) is
  'Locks and returns the outbox rows of messages, with the queue that each stands in.';
