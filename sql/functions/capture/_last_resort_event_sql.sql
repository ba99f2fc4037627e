create or replace function dreamlit._last_resort_event_sql(p_operation text, p_plain text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format($sql$pg_catalog.jsonb_build_object(
      'trigger', %s, 'old', %s, 'error', pg_catalog.jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm))$sql$,
    case p_operation when 'delete' then o.captured else n.captured end, case p_operation when 'insert' then 'null' else o.captured end)
  from (values (format('(select %s from (select dreamlit._readable(new)) as dreamlit_row(value))', p_plain))) as n(captured)
  cross join (values (format('(select %s from (select dreamlit._readable(old)) as dreamlit_row(value))', p_plain))) as o(captured);
$$;
comment on function dreamlit._last_resort_event_sql(text, text) is
  'Returns the expression for a changed row''s event with the error at hand, within a row trigger''s exception handler.';
grant execute on function dreamlit._last_resort_event_sql(text, text) to dreamlit_admin;
