-- One row an event, in the order of hashes: two calls with the same events never wait for each other in a circle.
create or replace function dreamlit._read_engagement(p_events jsonb)
returns table (
  event_hash bytea, at timestamptz, provider text, event_id text, kind text, message_id bigint, provider_id text, recipient text,
  bounce text, machine boolean, url text, user_agent text, raw jsonb)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select distinct on (h.event_hash) h.event_hash, coalesce(dreamlit._event_time(e.value ->> 'at'), dreamlit._now()),
    left(e.value ->> 'provider', 100), left(e.value ->> 'event_id', 500), e.value ->> 'kind',
    case when e.value ->> 'message_id' ~ '^[0-9]{1,18}$' then (e.value ->> 'message_id')::bigint end,
    left(e.value ->> 'provider_id', 500), dreamlit._mailbox(left(e.value ->> 'recipient', 1000)),
    case when e.value ->> 'kind' = 'bounced' then coalesce(e.value ->> 'bounce', 'soft') end,
    coalesce(e.value -> 'machine' = 'true', false), left(e.value ->> 'url', 2000), left(e.value ->> 'user_agent', 500),
    case when length((e.value -> 'raw')::text) > 100000 then '{"too_large": true}' else nullif(e.value -> 'raw', 'null') end
  from jsonb_array_elements(p_events) as e
  cross join lateral (select sha256(convert_to(concat_ws(E'\n', e.value ->> 'provider', e.value ->> 'event_id'), 'UTF8')) as event_hash) as h
  order by h.event_hash;
$$;
comment on function dreamlit._read_engagement(jsonb) is
  'Returns checked events as rows, each once; a bounce of which nobody says that it is hard counts as soft, a time that is none '
  'as now.';
