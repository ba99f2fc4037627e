create or replace function dreamlit._is_rate(p_count jsonb, p_span jsonb) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return coalesce(jsonb_typeof(p_count) = 'number' and (p_count #>> '{}') ~ '^[1-9][0-9]{0,3}$' and (p_count #>> '{}')::integer <= 1000
    and jsonb_typeof(p_span) = 'string'
    and (p_span #>> '{}')::interval > interval '0' and (p_span #>> '{}')::interval <= interval '30 days', false);
exception when data_exception then
  return false;
end;
$$;
comment on function dreamlit._is_rate(jsonb, jsonb) is 'Returns whether this is a count from 1 to 1000 and an interval of at most 30 days.';
