create or replace view dreamlit.message_stats as
with engaged as (
  select e.message_id,
    bool_or(e.kind = 'delivered') as delivered, bool_or(e.kind = 'bounced') as bounced, bool_or(e.kind = 'complained') as complained,
    bool_or(e.kind = 'opened' and not e.machine) as opened, bool_or(e.kind = 'opened' and e.machine) as opened_by_machine,
    bool_or(e.kind = 'clicked' and not e.machine) as clicked, bool_or(e.kind = 'clicked' and e.machine) as clicked_by_machine,
    bool_or(e.kind = 'unsubscribed') as unsubscribed
  from dreamlit._engagement as e
  where e.message_id is not null
  group by e.message_id
)
select w.name as workflow, s.name as step, v.version, (m.created_at at time zone 'UTC')::date as day, m.channel,
  count(*) filter (where m.state = 'sent') as sent,
  count(*) filter (where g.delivered) as delivered,
  count(*) filter (where g.bounced) as bounced,
  count(*) filter (where g.complained) as complained,
  count(*) filter (where g.opened) as opened,
  count(*) filter (where g.opened_by_machine and not g.opened) as opened_by_machine,
  count(*) filter (where g.clicked) as clicked,
  count(*) filter (where g.unsubscribed) as unsubscribed,
  count(*) filter (where g.clicked_by_machine and not g.clicked) as clicked_by_machine,
  count(*) filter (where m.state = 'suppressed') as suppressed,
  count(*) filter (where m.state = 'failed') as failed
from dreamlit._messages as m
join dreamlit._steps as s on s.step_id = m.step_id
join dreamlit._versions as v on v.version_id = s.version_id
join dreamlit._workflows as w on w.workflow_id = m.workflow_id
left join engaged as g on g.message_id = m.message_id
group by w.name, s.name, v.version, (m.created_at at time zone 'UTC')::date, m.channel;
comment on view dreamlit.message_stats is
  'What became of messages: one row a workflow, step, version, day and channel. Each number counts messages, each once, on the day '
  'on which they were made, whenever the rest happened. Reads the whole history of messages.';
comment on column dreamlit.message_stats.workflow is 'The workflow''s name.';
comment on column dreamlit.message_stats.step is 'The step''s id in the definition.';
comment on column dreamlit.message_stats.version is 'The workflow''s version.';
comment on column dreamlit.message_stats.day is 'The day on which the messages were made, in UTC.';
comment on column dreamlit.message_stats.channel is 'email or slack.';
comment on column dreamlit.message_stats.sent is 'Taken by the provider.';
comment on column dreamlit.message_stats.delivered is 'Taken by the recipient''s server, as far as the provider tells.';
comment on column dreamlit.message_stats.bounced is 'Bounced, hard or soft.';
comment on column dreamlit.message_stats.complained is 'Called spam by the recipient.';
comment on column dreamlit.message_stats.opened is 'Opened by a person, as far as that can be told.';
comment on column dreamlit.message_stats.opened_by_machine is 'Opened by machines only.';
comment on column dreamlit.message_stats.clicked is 'With a link clicked by a person.';
comment on column dreamlit.message_stats.unsubscribed is 'That made the recipient unsubscribe.';
comment on column dreamlit.message_stats.clicked_by_machine is 'With links clicked by machines only.';
comment on column dreamlit.message_stats.suppressed is 'Not sent, for the recipient gets no such mail.';
comment on column dreamlit.message_stats.failed is 'That could not be sent.';
