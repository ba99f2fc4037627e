create or replace function dreamlit._check_engagement(p_events jsonb) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong jsonb;
begin
  if jsonb_typeof(p_events) is distinct from 'array' then
    raise exception using errcode = 'DL001', message = 'the events are no JSON list', hint = 'send [{"provider", "event_id", "kind", "at"}]';
  end if;
  select e.value into v_wrong
  from jsonb_array_elements(p_events) as e
  where jsonb_typeof(e.value) <> 'object' or coalesce(e.value ->> 'provider', '') = '' or coalesce(e.value ->> 'event_id', '') = ''
    or coalesce(e.value ->> 'kind', '') not in ('delivered', 'deferred', 'bounced', 'complained', 'opened', 'clicked', 'unsubscribed')
    or coalesce(e.value ->> 'bounce', 'hard') not in ('hard', 'soft')
  limit 1;
  if found then
    raise exception using errcode = 'DL001',
      message = format('an event of provider %s, kind %s and bounce %s is not understood', coalesce(v_wrong -> 'provider', 'null'),
        coalesce(v_wrong -> 'kind', 'null'), coalesce(v_wrong -> 'bounce', 'null')),
      hint = 'give provider, event_id, and a kind: delivered, deferred, bounced (hard or soft), complained, opened, clicked or unsubscribed';
  end if;
end;
$$;
comment on function dreamlit._check_engagement(jsonb) is 'Raises DL001 for events without a provider, an id or a known kind.';
