create or replace view dreamlit.attempts as
select a.message_id, a.attempt, a.sender, a.started_at, a.finished_at, a.outcome, a.fault, a.code, a.error, a.provider, a.provider_id
from dreamlit._attempts as a
union all
select o.message_id, o.read_ct, o.headers ->> 'sender', (o.headers ->> 'started_at')::timestamptz, null, 'started', null, null, null, null, null
from dreamlit._outbox as o
where o.headers ? 'started_at';
comment on view dreamlit.attempts is 'One row a try at delivering a message, finished or under way.';
comment on column dreamlit.attempts.message_id is 'The message.';
comment on column dreamlit.attempts.attempt is
  'The number of the claim that the try belongs to; rising, with gaps where a claim was given back.';
comment on column dreamlit.attempts.sender is 'The sender process: host:pid:random.';
comment on column dreamlit.attempts.started_at is 'When the sender said that it begins; null if it failed before.';
comment on column dreamlit.attempts.finished_at is 'When the outcome was reported; null while under way.';
comment on column dreamlit.attempts.outcome is 'started, sent, failed, or unknown: the provider may have taken the message.';
comment on column dreamlit.attempts.fault is
  'Whose fault a failure is: recipient (permanent), configuration (ours), transient, limited (the provider said how long to wait), '
  'unknown.';
comment on column dreamlit.attempts.code is 'The provider''s code: 550 5.1.1, channel_not_found.';
comment on column dreamlit.attempts.error is 'The provider''s words, cut at 2,000 characters.';
comment on column dreamlit.attempts.provider is 'Who was asked: smtp, slack, console.';
comment on column dreamlit.attempts.provider_id is 'The provider''s id of the message, if it took it.';
