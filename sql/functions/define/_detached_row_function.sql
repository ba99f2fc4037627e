create or replace function dreamlit._detached_row_function(
  p_name text, p_operation text, p_version_id bigint, p_event text, p_capture jsonb, p_keys text[], p_names text, p_plain text, p_changed text)
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create or replace function %1$s() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $capture$
declare
  v_names constant name[] := %2$s;
  v_changed boolean;
  v_event jsonb;
begin
  execute %3$s into v_changed using old, new;
  if not v_changed then
    return null;
  end if;
  begin
    execute pg_catalog.format(%4$L, variadic v_names) into v_event using new, old;
  exception when others then
    v_event := %5$s;
  end;
  if v_event is not null then
    perform dreamlit._enqueue(%6$s, %7$L, pg_catalog.jsonb_build_array(v_event));
  end if;
  return null;
end;
$capture$ $sql$,
    p_name, p_names, p_changed,
    'select ' || replace(p_event, '%', '%%') || '(' || a.trigger_row || ', ' || a.new_row || ', ' || a.old_row || ')',
    dreamlit._last_resort_event_sql(p_operation, p_plain), p_version_id, p_operation)
  from dreamlit._row_arguments(p_operation, p_capture, p_keys, '($1)', '($2)') as a;
$$;
comment on function dreamlit._detached_row_function(text, text, bigint, text, jsonb, text[], text, text, text) is
  'Returns the SQL that makes a row trigger''s function find its columns by number: as before where they fit, else as an event with '
  'its error.';
