create or replace view dreamlit.alerts as
select a.alert_id, a.kind, a.subject, a.count, t.body as text, a.opened_at, a.last_seen_at, a.told_at, a.closed_at
from dreamlit._alerts as a cross join lateral dreamlit._alert_text(a) as t;
comment on view dreamlit.alerts is
  'One row a trouble that the owner is told of, once while it is open: failed runs of a workflow, a stopped channel, a silent worker, '
  'silent senders, a late queue, uncertain messages.';
comment on column dreamlit.alerts.alert_id is 'The alert''s id.';
comment on column dreamlit.alerts.kind is 'failed, channel, worker, sender, queue or uncertain.';
comment on column dreamlit.alerts.subject is 'The workflow, or the check of dreamlit.health.';
comment on column dreamlit.alerts.count is 'How many tasks have failed while it was open; else what the check counts.';
comment on column dreamlit.alerts.text is 'What the owner was told, with the count of now: the trouble, the error, the command that helps.';
comment on column dreamlit.alerts.opened_at is 'When it was first seen.';
comment on column dreamlit.alerts.last_seen_at is 'When it was last seen.';
comment on column dreamlit.alerts.told_at is 'When the owner was told: the message is in dreamlit.messages, lane alert, if an address or a channel is set.';
comment on column dreamlit.alerts.closed_at is 'When it had been quiet for the setting alert_quiet; null while it is open.';
