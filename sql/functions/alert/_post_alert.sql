-- A message like any other, without a run, in the lane that every sender takes first. Slack reads & < > as markup.
create or replace function dreamlit._post_alert(p_subject text, p_body text) returns bigint[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_message record;
  v_ids bigint[] := '{}';
begin
  for v_message in
    insert into dreamlit._messages (created_at, channel, lane, recipient, content, state)
    select dreamlit._now(), c.channel, 'alert', c.recipient, c.content, 'queued'
    from (
      select 'email' as channel, dreamlit._setting('alert_email') #>> '{}' as recipient, jsonb_build_object(
        'to', jsonb_build_array(dreamlit._setting('alert_email')), 'cc', '[]'::jsonb, 'bcc', '[]'::jsonb, 'reply_to', '[]'::jsonb, 'from', null,
        'subject', left(regexp_replace(p_subject, '[[:cntrl:]]+', ' ', 'g'), 200), 'html', null, 'text', p_body,
        'headers', '{"Auto-Submitted": "auto-generated"}'::jsonb) as content
      union all
      select 'slack', dreamlit._setting('alert_slack') #>> '{}', jsonb_build_object(
        'channel', dreamlit._setting('alert_slack'), 'text', replace(replace(replace(p_body, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), 'blocks', null)
    ) as c
    where c.recipient is not null
    returning message_id, created_at, channel
  loop
    execute format('insert into pgmq.%I (msg_id, vt, message) overriding system value values ($1, $2, $3)', 'q_' || dreamlit._outbox_queue(v_message.channel, 'alert'))
    using v_message.message_id, v_message.created_at, jsonb_build_object('created_at', v_message.created_at, 'workflow_id', 0);
    perform pg_notify('dreamlit_outbox', v_message.channel);
    v_ids := v_ids || v_message.message_id;
  end loop;
  return v_ids;
end;
$$;
comment on function dreamlit._post_alert(text, text) is
  'Queues a message of the engine''s own to the settings alert_email and alert_slack and returns the ids; none if neither is set.';
