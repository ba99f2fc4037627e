create or replace function dreamlit._setting_defaults() returns table (name text, value jsonb, meaning text)
language sql immutable as $$
  values
    ('renderer', '"sender"'::pg_catalog.jsonb, 'who renders templates: database (plpython3u) or sender; the installer sets it'),
    ('lease', '"60 seconds"', 'how long a sender may hold a claimed message; an interrupted delivery is noticed after this'),
    ('batch', '1000', 'tasks of a step that one transaction advances; it starts runs of twice as many events'),
    ('slack_pace', '"1 second"', 'how long the next message to a Slack channel waits after one; 0 seconds for no pace'),
    ('keep_history', '"90 days"', 'how long what is over stays, unless one of the following says otherwise'),
    ('keep_runs', 'null', 'how long finished runs stay'),
    ('keep_tasks', 'null', 'how long finished tasks and the failed attempts of steps stay'),
    ('keep_messages', 'null', 'how long messages stay, with their content'),
    ('keep_attempts', 'null', 'how long attempts at deliveries stay'),
    ('keep_ignored_events', 'null', 'how long events stay that started no run'),
    ('keep_audit_log', 'null', 'how long it stays known what people did'),
    ('keep_engagement', 'null', 'how long it stays known what happened to messages afterwards'),
    ('keep_failed_versions', '"7 days"', 'how long a replaced version stays compiled for the retry of its failed runs'),
    ('alert_email', 'null', 'the address that is told when runs fail, a channel stops or nobody works any more'),
    ('alert_slack', 'null', 'the Slack channel that is told, of the sender''s workspace'),
    ('alert_after', '"5 minutes"', 'how long the oldest ready message or event of a queue may wait before the owner is told'),
    ('alert_quiet', '"1 hour"', 'how long a trouble must have been quiet before it is told anew'),
    ('capture_replicated', 'false', 'whether rows that logical replication writes are captured; for what is published from then on'),
    ('public_url', 'null', 'where dreamlit serve can be reached from outside: https://mail.example.com'),
    ('track', '{"opens": false, "clicks": false}', 'whether emails measure opens and clicks, unless a step says otherwise'),
    ('machine_seconds', '2', 'an open or a click within so many seconds of the delivery is a machine''s'),
    ('soft_bounces', '{"count": 3, "within": "7 days"}', 'how many messages may bounce softly before their address is suppressed'),
    ('frequency_cap', 'null', 'how many messages of topics one person may get: {"count": 5, "per": "1 day"}'),
    ('quiet_hours', 'null',
      'when messages of topics wait: {"from": "22:00", "to": "08:00", "zone": "Europe/Berlin"}; a step''s timezone goes before zone');
$$;
comment on function dreamlit._setting_defaults() is 'Returns every setting with its default and its meaning.';
