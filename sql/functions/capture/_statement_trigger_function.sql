-- For inserts and deletes on ordinary tables: all rows of a statement in a few queue messages. The guards are around reading
-- only, so they write nothing; a chunk that fails is done again row by row, each row with a guard of its own.
create or replace function dreamlit._statement_trigger_function(
  p_name text, p_operation text, p_version_id bigint, p_event text, p_anchor text, p_capture jsonb, p_names text[])
returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create or replace function %1$s() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_hashagg = off as $capture$
declare
  v_names name[] := %3$L;
  v_cursor refcursor;
  v_part bigint := -1;
  v_rows bigint;
  v_events jsonb;
  v_failed boolean := false;
begin
  if not (%11$s) then
    v_names := %2$s;
  end if;
  if v_names = %3$L::name[] then
    begin
      %10$s into v_rows, v_events;
    exception when others then
      v_failed := true;
    end;
    if v_rows <= %8$s then
      if v_events is not null then
        perform dreamlit._enqueue(%6$s, %7$L, v_events);
      end if;
      return null;
    end if;
    open v_cursor for %4$s;
  else  -- a column has been renamed since
    open v_cursor for execute pg_catalog.format(%5$L, variadic v_names);
  end if;
  while not v_failed loop
    begin
      fetch v_cursor into v_part, v_rows, v_events;
    exception when others then
      v_failed := true;
    end;
    exit when v_failed or not found;
    if v_events is not null then
      perform dreamlit._enqueue(%6$s, %7$L, v_events);
    end if;
    exit when v_rows < %8$s;
  end loop;
  if v_cursor is not null then
    close v_cursor;
  end if;
  if v_failed then
    for v_events in execute pg_catalog.format(%9$L, variadic v_names) using v_part loop
      perform dreamlit._enqueue(%6$s, %7$L, v_events);
    end loop;
  end if;
  return null;
end;
$capture$ $sql$,
    p_name, dreamlit._names_sql(p_anchor), p_names, format(q.fast, variadic p_names), q.fast, p_version_id, p_operation, q.chunk, q.safe,
    format(q.small, variadic p_names), dreamlit._same_names_sql(p_anchor))
  from dreamlit._statement_queries(p_operation, p_event, p_capture, p_names) as q;
$$;
comment on function dreamlit._statement_trigger_function(text, text, bigint, text, text, jsonb, text[]) is
  'Returns the SQL that creates or replaces a statement trigger''s function.';
grant execute on function dreamlit._statement_trigger_function(text, text, bigint, text, text, jsonb, text[]) to dreamlit_admin;
