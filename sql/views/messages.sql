create or replace view dreamlit.messages as
select
  m.message_id, m.run_id, m.task_id, w.name as workflow, s.name as step, m.channel, m.lane, m.recipient, m.content ->> 'subject' as subject,
  case when m.state = 'queued' and exists (
    select from dreamlit._outbox as o where o.message_id = m.message_id and o.channel = m.channel and o.lane = m.lane and o.headers ? 'started_at')
    then 'sending' else m.state end as state,
  m.attempts,
  case when m.state = 'queued' then (
    select o.ready_at from dreamlit._outbox as o where o.message_id = m.message_id and o.channel = m.channel and o.lane = m.lane and o.ready_at > dreamlit._now()) end as retry_at,
  m.error, m.provider, m.provider_id, m.created_at, m.settled_at, m.content,
  m.content ->> 'topic' as topic
from dreamlit._messages as m
left join dreamlit._workflows as w on w.workflow_id = m.workflow_id
left join dreamlit._steps as s on s.step_id = m.step_id;
comment on view dreamlit.messages is 'One row a message: one notification to one recipient over one channel, as it was rendered.';
comment on column dreamlit.messages.message_id is
  'The message''s id, also its idempotency key with the provider and its msg_id in the outbox queue.';
comment on column dreamlit.messages.run_id is 'The run it belongs to; null for an alert.';
comment on column dreamlit.messages.task_id is 'The task that made it; null for an alert.';
comment on column dreamlit.messages.workflow is 'The workflow''s name; null for an alert.';
comment on column dreamlit.messages.step is 'The step''s id in the definition.';
comment on column dreamlit.messages.channel is 'email or slack.';
comment on column dreamlit.messages.lane is 'alert, urgent or bulk, claimed in this order; alert is the engine''s own.';
comment on column dreamlit.messages.recipient is 'The address or the Slack channel.';
comment on column dreamlit.messages.subject is 'An email''s subject.';
comment on column dreamlit.messages.state is
  'queued, sending (a sender has begun), sent, failed, cancelled; held (in the sandbox) or uncertain (a provider may have taken it) '
  'until dreamlit.release or dreamlit.discard; discarded; suppressed (its recipient gets no mail).';
comment on column dreamlit.messages.attempts is 'Finished attempts, without those that a configuration fault or a provider''s Retry-After spoilt.';
comment on column dreamlit.messages.retry_at is 'When it may next be claimed, if that lies ahead.';
comment on column dreamlit.messages.error is 'What the last attempt failed with, or why it was suppressed: {"fault", "code", "message"}.';
comment on column dreamlit.messages.provider is 'Who delivered it: smtp, slack, console.';
comment on column dreamlit.messages.provider_id is 'The provider''s id of the message.';
comment on column dreamlit.messages.created_at is 'When it was rendered and queued.';
comment on column dreamlit.messages.settled_at is 'When it was sent, failed or cancelled.';
comment on column dreamlit.messages.content is
  'The rendered content: to, cc, bcc, from, reply_to, subject, html, text, headers; or channel, text, blocks.';
comment on column dreamlit.messages.topic is 'The topic that it belongs to; null for a transactional one.';
