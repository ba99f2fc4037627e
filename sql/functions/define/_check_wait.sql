create or replace function dreamlit._check_wait(p_place text, p_wait jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_wait) = 'object' then
    return query select f.* from dreamlit._check_keys(p_place, p_wait, array['until'], array['until']) as f;
    return query select f.* from dreamlit._check_texts(p_place, p_wait, array['until']) as f;
    return;
  end if;
  if jsonb_typeof(p_wait) <> 'string' then
    return next (p_place, format('wait is %s', p_wait), 'write an interval such as 3 days, or {until: an SQL timestamptz}')::dreamlit._fault;
    return;
  end if;
  if (p_wait #>> '{}')::interval < interval '0' then
    return next (p_place, format('wait is %s, which is negative', p_wait), 'write a positive interval such as 3 days')::dreamlit._fault;
  elsif (p_wait #>> '{}')::interval > interval '1000 years' then
    return next (p_place, format('wait is %s, which is more than 1000 years', p_wait), 'write a shorter interval such as 3 days')::dreamlit._fault;
  end if;
exception when data_exception then
  return next (p_place, format('%s is no interval', p_wait), 'write an interval such as 3 days or 90 minutes, or {until: an SQL timestamptz}')::dreamlit._fault;
end;
$$;
comment on function dreamlit._check_wait(text, jsonb) is 'Returns the faults of a wait: an interval, or {until: SQL}.';
grant execute on function dreamlit._check_wait(text, jsonb) to dreamlit_admin;
