-- On the clock of the person's wall. An end that a clock change skips comes an hour later; one that it repeats, at its second time.
create or replace function dreamlit._quiet_until(p_hours jsonb, p_zone text, p_now timestamptz) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_zone constant text := case when dreamlit._is_zone(p_zone) then p_zone else p_hours ->> 'zone' end;
  v_local constant timestamp := p_now at time zone v_zone;
  v_from constant time := (p_hours ->> 'from')::time;
  v_to constant time := (p_hours ->> 'to')::time;
  v_days integer;
begin
  if v_from < v_to and v_local::time >= v_from and v_local::time < v_to or v_from > v_to and v_local::time < v_to then
    v_days := 0;
  elsif v_from > v_to and v_local::time >= v_from then
    v_days := 1;
  else
    return null;
  end if;
  return greatest((v_local::date + v_days + v_to) at time zone v_zone, p_now + interval '1 minute');
end;
$$;
comment on function dreamlit._quiet_until(jsonb, text, timestamptz) is
  'Returns when the quiet hours end that p_now lies in, null outside of them; in the zone given, or the setting''s where that is none.';
