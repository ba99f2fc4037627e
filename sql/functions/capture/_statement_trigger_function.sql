-- For inserts and deletes on ordinary tables: all rows of a statement in a few queue messages. The guards are around reading
-- only, so they write nothing, but for the last. What the first query cannot do (many rows, a column renamed since, a row that
-- fails) is done in chunks under the names of today; a chunk that fails is done again row by row, each row with a guard of its
-- own; and where that fails too, for a column is gone, the events are kept with the error.
create or replace function dreamlit._statement_trigger_function(
  p_name text, p_operation text, p_version_id bigint, p_event text, p_anchor text, p_capture jsonb, p_table regclass, p_names text[], p_numbers integer[])
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create or replace function %1$s() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_hashagg = off as $capture$
declare
  v_same boolean;
  v_names text[];
  v_cursor refcursor;
  v_part bigint := -1;
  v_rows bigint;
  v_events jsonb;
  v_failed boolean := false;
  v_error jsonb;
begin
  if tg_relid = %2$s then
    begin
      %3$s into v_same, v_rows, v_events;
    exception when others then
      v_same := false;
    end;
    if v_same and v_rows <= %4$s then
      if v_events is not null then
        perform dreamlit._enqueue(%5$s, %6$L, v_events);
      end if;
      return null;
    end if;
  end if;
  %7$s
  begin
    open v_cursor for execute pg_catalog.format(%8$L, variadic v_names);
  exception when others then
    v_failed := true;
  end;
  while not v_failed loop
    begin
      fetch v_cursor into v_part, v_rows, v_events;
    exception when others then
      v_failed := true;
    end;
    exit when v_failed or not found;
    if v_events is not null then
      perform dreamlit._enqueue(%5$s, %6$L, v_events);
    end if;
    exit when v_rows < %4$s;
  end loop;
  if v_cursor is not null then
    close v_cursor;
  end if;
  if not v_failed then
    return null;
  end if;
  begin
    for v_events in execute pg_catalog.format(%9$L, variadic v_names) using v_part loop
      perform dreamlit._enqueue(%5$s, %6$L, v_events);
    end loop;
    return null;
  exception when others then
    v_error := pg_catalog.jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm);
  end;
  for v_events in execute pg_catalog.format(%10$L, tg_relid::regclass) using v_error, v_part loop
    perform dreamlit._enqueue(%5$s, %6$L, v_events);
  end loop;
  return null;
end;
$capture$ $sql$,
    p_name, p_table::oid, format(q.small, variadic p_names), q.chunk, p_version_id, p_operation, dreamlit._names_sql(p_anchor, p_table, p_numbers),
    q.fast, q.safe, dreamlit._last_resort_sql(p_operation, dreamlit._plain_sql(p_table, p_names, p_numbers)))
  from dreamlit._statement_queries(p_operation, p_event, p_capture, p_names, p_table, p_numbers) as q;
$$;
comment on function dreamlit._statement_trigger_function(text, text, bigint, text, text, jsonb, regclass, text[], integer[]) is
  'Returns the SQL that creates or replaces a statement trigger''s function.';
grant execute on function dreamlit._statement_trigger_function(text, text, bigint, text, text, jsonb, regclass, text[], integer[]) to dreamlit_admin;
