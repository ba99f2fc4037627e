-- Static, so planned once a session: the statement that leases is planned at each call, and most looks find nothing.
create or replace function dreamlit._has_ready(p_queue text, p_from bigint) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
  case p_queue
    when 'dreamlit_email_alert' then return exists (select from pgmq.q_dreamlit_email_alert as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from));
    when 'dreamlit_email_urgent' then return exists (select from pgmq.q_dreamlit_email_urgent as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from));
    when 'dreamlit_email_bulk' then return exists (select from pgmq.q_dreamlit_email_bulk as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from));
    when 'dreamlit_slack_alert' then return exists (select from pgmq.q_dreamlit_slack_alert as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from));
    when 'dreamlit_slack_urgent' then return exists (select from pgmq.q_dreamlit_slack_urgent as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from));
    when 'dreamlit_slack_bulk' then return exists (select from pgmq.q_dreamlit_slack_bulk as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from));
    when 'dreamlit_render' then return exists (select from pgmq.q_dreamlit_render as q where q.vt <= dreamlit._now() and q.vt >= dreamlit._moment(p_from));
    else return true;  -- what is not known here is looked at in full
  end case;
end;
$$;
comment on function dreamlit._has_ready(text, bigint) is
  'Returns whether messages of an outbox queue, or renderings, may be ready, from the low mark p_from on.';
