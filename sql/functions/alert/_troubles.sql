-- What health calls critical, in the alert's words. A sender that was never there is not a sender that fell silent.
create or replace function dreamlit._troubles() returns table (kind text, subject text, count bigint, message text)
language sql stable set search_path = pg_catalog, pg_temp set jit = off as $$
  select
    case when h.name like 'queue %' then 'queue' when h.name like 'channel %' then 'channel' when h.name = 'uncertain messages' then 'uncertain' else h.name end,
    h.name, coalesce(h.number, 0)::bigint, concat_ws(', ', h.detail, case when h.name like 'queue %' then format('the oldest for %s s', round(h.seconds)) end)
  from dreamlit.health as h
  where h.name like 'queue %' and h.seconds > extract(epoch from (dreamlit._setting('alert_after') #>> '{}')::interval)
     or h.name like 'channel %' and h.state = 'critical'
     or h.name = 'worker' and (h.state = 'critical' or h.detail like 'pg\_cron%')
     or h.name = 'sender' and h.state = 'critical' and exists (select from dreamlit._senders as s where s.channels <> '{}')
     or h.name = 'uncertain messages' and h.number > 0;
$$;
comment on function dreamlit._troubles() is
  'Returns what is wrong now, as dreamlit.health sees it: stopped channels, silent workers and senders, late queues, uncertain messages.';
