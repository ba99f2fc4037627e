create or replace function dreamlit._alert_text(p_alert dreamlit._alerts) returns table (subject text, body text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format('[dreamlit] %s', t.title), concat_ws(E'\n', t.title, t.fact, '', t.command, '', 'All that is open: select * from dreamlit.alerts where closed_at is null;')
  from (
    select
      case p_alert.kind
        when 'failed' then format('workflow %s: %s %s failed', p_alert.subject, p_alert.count, case when p_alert.count = 1 then 'task' else 'tasks' end)
        when 'channel' then format('%s has stopped', p_alert.subject)
        when 'worker' then 'the worker is silent'
        when 'sender' then 'all senders are silent'
        when 'queue' then format('%s is late', p_alert.subject)
        when 'uncertain' then format('%s uncertain %s held', p_alert.count, case when p_alert.count = 1 then 'message is' else 'messages are' end)
        else p_alert.subject end as title,
      case p_alert.kind
        when 'failed' then format('The first since %s: step %s of run %s, %s', p_alert.opened_at, p_alert.detail ->> 'step', p_alert.detail ->> 'run_id',
          coalesce(p_alert.detail #>> '{error,message}', p_alert.detail #>> '{error,code}'))
        else p_alert.detail ->> 'message' end as fact,
      case p_alert.kind
        when 'failed' then format(E'To look: dreamlit run show %s\nTo retry: select * from dreamlit.retry_failed(%L, since => %L);',
          p_alert.detail ->> 'run_id', p_alert.subject, p_alert.opened_at - interval '1 day')
        when 'channel' then 'Mend the sender''s configuration and start it anew; until then it is tried every five minutes.'
        when 'worker' then 'To look: select * from dreamlit.doctor(); to start it anew: dreamlit install'
        when 'sender' then 'To start one: dreamlit sender'
        when 'queue' then 'To look: select * from dreamlit.health;'
        when 'uncertain' then 'To look: dreamlit messages --state uncertain; then dreamlit.release(message_id) or dreamlit.discard(message_id).'
        else p_alert.detail ->> 'hint' end as command
  ) as t;
$$;
comment on function dreamlit._alert_text(dreamlit._alerts) is
  'Returns what the owner is told: the trouble, the count, the error and the command that helps.';
-- A view's functions are called with the rights of whoever reads it.
grant execute on function dreamlit._alert_text(dreamlit._alerts) to dreamlit_admin, dreamlit_reader;
