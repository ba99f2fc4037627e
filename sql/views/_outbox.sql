create or replace view dreamlit._outbox as
select q.msg_id as message_id, 'email' as channel, 'alert' as lane, q.vt as ready_at, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_email_alert as q
union all
select q.msg_id as message_id, 'email' as channel, 'urgent' as lane, q.vt as ready_at, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_email_urgent as q
union all
select q.msg_id, 'email', 'bulk', q.vt, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_email_bulk as q
union all
select q.msg_id, 'slack', 'alert', q.vt, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_slack_alert as q
union all
select q.msg_id, 'slack', 'urgent', q.vt, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_slack_urgent as q
union all
select q.msg_id, 'slack', 'bulk', q.vt, q.read_ct, q.enqueued_at, q.message, q.headers from pgmq.q_dreamlit_slack_bulk as q;
comment on view dreamlit._outbox is 'The rows of all outbox queues. A header started_at is an attempt that has begun.';
