create or replace function dreamlit._event_time(p_at text) returns timestamptz
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return case when isfinite(p_at::timestamptz) then p_at::timestamptz end;
exception when data_exception then
  return null;
end;
$$;
comment on function dreamlit._event_time(text) is 'Returns the time that a provider wrote, or null where it is none.';
