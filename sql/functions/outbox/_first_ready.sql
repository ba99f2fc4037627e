-- Static, so planned once a session: the statement that leases is planned at each call, and most looks find nothing. Where dead rows
-- stand before the first, they are stepped over once: the lease begins with it.
create or replace function dreamlit._first_ready(p_queue text, p_from bigint) returns timestamptz
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
  case p_queue
    when 'dreamlit_email_alert' then return (select q.vt from pgmq.q_dreamlit_email_alert as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from) order by q.vt limit 1);
    when 'dreamlit_email_urgent' then return (select q.vt from pgmq.q_dreamlit_email_urgent as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from) order by q.vt limit 1);
    when 'dreamlit_email_bulk' then return (select q.vt from pgmq.q_dreamlit_email_bulk as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from) order by q.vt limit 1);
    when 'dreamlit_slack_alert' then return (select q.vt from pgmq.q_dreamlit_slack_alert as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from) order by q.vt limit 1);
    when 'dreamlit_slack_urgent' then return (select q.vt from pgmq.q_dreamlit_slack_urgent as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from) order by q.vt limit 1);
    when 'dreamlit_slack_bulk' then return (select q.vt from pgmq.q_dreamlit_slack_bulk as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from) order by q.vt limit 1);
    when 'dreamlit_render' then return (select q.vt from pgmq.q_dreamlit_render as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from) order by q.vt limit 1);
    else return timestamptz '-infinity';  -- what is not known here is looked at in full
  end case;
end;
$$;
comment on function dreamlit._first_ready(text, bigint) is
  'Returns since when the first message of an outbox queue, or rendering, that may be ready has been so, from the low mark p_from on; null for none.';
