create or replace view dreamlit.engagement as
select e.at, e.kind, e.message_id, w.name as workflow, s.name as step, v.version, e.channel, e.topic, e.recipient, e.bounce, e.machine,
  e.url, e.user_agent, e.provider, e.event_id, e.provider_id, e.recorded_at, e.raw
from dreamlit._engagement as e
left join dreamlit._workflows as w on w.workflow_id = e.workflow_id
left join dreamlit._steps as s on s.step_id = e.step_id
left join dreamlit._versions as v on v.version_id = s.version_id;
comment on view dreamlit.engagement is
  'One row for each thing that happened to a message afterwards. Give a time (where recorded_at > now() - interval ''1 day'') or a '
  'message: everything else reads the whole history.';
comment on column dreamlit.engagement.at is 'When it happened, as the provider says.';
comment on column dreamlit.engagement.kind is 'delivered, deferred, bounced, complained, opened, clicked or unsubscribed.';
comment on column dreamlit.engagement.message_id is 'The message; null if none of that id is there.';
comment on column dreamlit.engagement.workflow is 'The workflow''s name; null for an alert or where the message is not known.';
comment on column dreamlit.engagement.step is 'The step''s id in the definition.';
comment on column dreamlit.engagement.version is 'The workflow''s version.';
comment on column dreamlit.engagement.channel is 'email or slack.';
comment on column dreamlit.engagement.topic is 'The message''s topic; null for a transactional one.';
comment on column dreamlit.engagement.recipient is 'The address, in lower case; null once the person was erased.';
comment on column dreamlit.engagement.bounce is 'hard (for good: the address is suppressed) or soft; null unless bounced.';
comment on column dreamlit.engagement.machine is 'Whether a machine opened or clicked: a proxy, a scanner, or anybody within seconds.';
comment on column dreamlit.engagement.url is 'The link that was clicked.';
comment on column dreamlit.engagement.user_agent is 'What opened or clicked, as it calls itself.';
comment on column dreamlit.engagement.provider is 'Who told it: resend, postmark, ses, sendgrid, mailgun, or dreamlit.';
comment on column dreamlit.engagement.event_id is 'The provider''s id of the event: one that comes twice counts once.';
comment on column dreamlit.engagement.provider_id is 'The provider''s id of the message.';
comment on column dreamlit.engagement.recorded_at is 'When it was stored.';
comment on column dreamlit.engagement.raw is 'What the provider sent.';
