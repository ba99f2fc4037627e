-- 500 rows a queue message: large enough to share the row's cost, small enough for the worker to take a few at a time.
-- The aggregate sorts (enable_hashagg is off in the trigger), so a statement of any size streams chunk by chunk.
create or replace function dreamlit._statement_queries(p_operation text, p_event text, p_capture jsonb, p_names text[])
returns table (fast text, safe text, chunk integer)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select
    format($sql$select s.part, pg_catalog.count(*), pg_catalog.jsonb_agg(%2$s) filter (where %3$s)
      from (%1$s) as s group by s.part order by s.part$sql$,
      source.sql, replace(dreamlit._event_sql(p_capture, 's.trigger_row', 's.new_row', 's.old_row'), '%', '%%'),
      replace(dreamlit._when_sql(p_capture, 's.trigger_row, s.new_row, s.old_row'), '%', '%%')),
    format($sql$select pg_catalog.jsonb_agg(e.event) from (%1$s) as s
      cross join lateral (select %2$s(s.trigger_row, s.new_row, s.old_row) as event offset 0) as e
      where s.part > $1 and e.event is not null group by s.part order by s.part$sql$,
      source.sql, replace(p_event, '%', '%%')),
    500
  from (
    select format(
      'select (pg_catalog.row_number() over () - 1) / 500 as part, %s as trigger_row, %s as new_row, %s as old_row from %s as dreamlit_row',
      a.trigger_row, a.new_row, a.old_row, case p_operation when 'insert' then 'dreamlit_new' else 'dreamlit_old' end) as sql
    from dreamlit._row_arguments(p_operation, p_capture, p_names, 'dreamlit_row', 'dreamlit_row') as a
  ) as source;
$$;
comment on function dreamlit._statement_queries(text, text, jsonb, text[]) is
  'Returns the two queries over a transition table, in chunks of rows: all at once, and row by row under guard.';
grant execute on function dreamlit._statement_queries(text, text, jsonb, text[]) to dreamlit_admin;
