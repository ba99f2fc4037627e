create or replace function dreamlit._check_calendar(p_place text, p_calendar jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_texts constant text[] := array['start', 'end', 'summary', 'location', 'description', 'organizer', 'method', 'uid'];
begin
  if jsonb_typeof(p_calendar) <> 'object' then
    return next (p_place, 'calendar is no mapping', 'write calendar: {start: "{{ trigger.starts_at }}", end: …, summary: …}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_calendar, c_texts || array['sequence'], array['start', 'summary']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_calendar, c_texts) as f;
  if p_calendar ? 'method' and coalesce(p_calendar ->> 'method', '') not in ('REQUEST', 'CANCEL', 'PUBLISH') and p_calendar ->> 'method' !~ '\{[{%#]' then
    return next (p_place || '.method', format('%s is no method', p_calendar -> 'method'), 'use REQUEST, CANCEL or PUBLISH')::dreamlit._fault;
  end if;
  if p_calendar ->> 'method' = 'CANCEL' and not p_calendar ? 'uid' then
    return next (p_place || '.uid', 'a cancellation does not say of what', 'give the invitation and its cancellation the same uid')::dreamlit._fault;
  end if;
end;
$$;
comment on function dreamlit._check_calendar(text, jsonb) is 'Returns the faults of an email''s calendar entry that can be seen without data.';
grant execute on function dreamlit._check_calendar(text, jsonb) to dreamlit_admin;
