-- For updates (transition tables do not pair old with new) and for partitioned tables (statement triggers miss rows written
-- straight into a partition).
create or replace function dreamlit._row_trigger_function(
  p_name text, p_operation text, p_version_id bigint, p_event text, p_anchor text, p_capture jsonb, p_table regclass, p_names text[], p_numbers integer[])
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create or replace function %1$s() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $capture$
declare
  v_names text[];
  v_event jsonb;
begin
  %9$s%2$s
  begin
    if v_names = %3$L::text[] then
      v_event := %4$s;
    else  -- a column has been renamed since
      execute pg_catalog.format(%5$L, variadic v_names) into v_event using new, old;
    end if;
  exception when others then  -- a column is gone
    v_event := %8$s;
  end;
  if v_event is not null then
    perform dreamlit._enqueue(%6$s, %7$L, pg_catalog.jsonb_build_array(v_event));
  end if;
  return null;
end;
$capture$ $sql$,
    p_name, dreamlit._names_sql(p_anchor, p_table, p_numbers), p_names,
    format(replace(p_event, '%', '%%') || '(' || s.trigger_row || ', ' || s.new_row || ', ' || s.old_row || ')', variadic p_names),
    'select ' || replace(p_event, '%', '%%') || '(' || d.trigger_row || ', ' || d.new_row || ', ' || d.old_row || ')',
    p_version_id, p_operation, dreamlit._last_resort_event_sql(p_operation, dreamlit._plain_sql(p_table, p_names, p_numbers)),
    dreamlit._copying_sql(p_operation))
  from dreamlit._row_arguments(p_operation, p_capture, p_names, 'new', 'old') as s
  cross join dreamlit._row_arguments(p_operation, p_capture, p_names, '($1)', '($2)') as d;
$$;
comment on function dreamlit._row_trigger_function(text, text, bigint, text, text, jsonb, regclass, text[], integer[]) is
  'Returns the SQL that creates or replaces a row trigger''s function.';
grant execute on function dreamlit._row_trigger_function(text, text, bigint, text, text, jsonb, regclass, text[], integer[]) to dreamlit_admin;
