create or replace function dreamlit._detached_statement_function(
  p_name text, p_operation text, p_version_id bigint, p_event text, p_capture jsonb, p_table regclass, p_keys text[], p_names text, p_plain text)
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create or replace function %1$s() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_hashagg = off as $capture$
declare
  v_names constant name[] := %2$s;
  v_events jsonb;
  v_error jsonb;
begin
  begin
    for v_events in execute pg_catalog.format(%3$L, variadic v_names) using -1 loop
      perform dreamlit._enqueue(%4$s, %5$L, v_events);
    end loop;
    return null;
  exception when others then
    v_error := pg_catalog.jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm);
  end;
  for v_events in execute pg_catalog.format(%6$L, tg_relid::regclass) using v_error, -1 loop
    perform dreamlit._enqueue(%4$s, %5$L, v_events);
  end loop;
  return null;
end;
$capture$ $sql$,
    p_name, p_names, q.safe, p_version_id, p_operation, dreamlit._last_resort_sql(p_operation, p_plain))
  from dreamlit._statement_queries(p_operation, p_event, p_capture, p_keys, p_table, '{}') as q;
$$;
comment on function dreamlit._detached_statement_function(text, text, bigint, text, jsonb, regclass, text[], text, text) is
  'Returns the SQL that makes a statement trigger''s function find its columns by number: as before where they fit, else as events '
  'with their error.';
