-- 500 rows a queue message: large enough to share the row's cost, small enough for the worker to take a few at a time.
-- The aggregate sorts (enable_hashagg is off in the trigger), so a statement of any size streams chunk by chunk; one of a single
-- chunk, which most are, needs neither sort nor cursor. Events are aggregated as an array of rows, of which jsonb is made in one
-- pass: jsonb_agg makes that of each row first, and then reads it again.
create or replace function dreamlit._statement_queries(p_operation text, p_event text, p_capture jsonb, p_names text[], p_table regclass, p_numbers integer[])
returns table (small text, fast text, safe text, chunk integer)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select
    format($sql$select dreamlit._same_names(%4$s, %5$L, %6$L), pg_catalog.count(*), %2$s
      from (select %1$s limit 501) as s cross join lateral (select %3$s) as dreamlit_event$sql$,
      s.rows, e.aggregate, e.columns, p_table::oid, p_numbers, replace(p_names::text, '%', '%%')),
    format($sql$select s.part, pg_catalog.count(*), %3$s from (select %1$s, %2$s) as s cross join lateral (select %4$s) as dreamlit_event
      group by s.part order by s.part$sql$, s.part, s.rows, e.aggregate, e.columns),
    format($sql$select pg_catalog.jsonb_agg(e.event) from (select %1$s, %2$s) as s
      cross join lateral (select %3$s(%4$s) as event offset 0) as e
      where s.part > $1 and e.event is not null group by s.part order by s.part$sql$,
      s.part, s.rows, replace(p_event, '%', '%%'), r.arguments),
    500
  from dreamlit._row_arguments(p_operation, p_capture, p_names, 'dreamlit_row', 'dreamlit_row') as a
  cross join lateral (values (
    '(pg_catalog.row_number() over () - 1) / 500 as part',
    case p_operation
      when 'insert' then format('%s as trigger_row from dreamlit_new as dreamlit_row', a.trigger_row)
      else format('%s as trigger_row, %s as old_row from dreamlit_old as dreamlit_row', a.trigger_row, a.old_row) end)) as s(part, rows)
  cross join lateral (values (
    case p_operation
      when 'insert' then 's.trigger_row, s.trigger_row, ' || a.old_row
      else 's.trigger_row, ' || a.new_row || ', s.old_row' end,
    case p_operation when 'insert' then a.old_row else 's.old_row' end)) as r(arguments, old_row)
  cross join lateral (values (
    's.trigger_row as trigger' || case when p_capture -> 'old_columns' <> '[]' then ', ' || r.old_row || ' as old' else '' end
      || coalesce(', ' || replace(p_capture ->> 'key', '%', '%%') || '(' || r.arguments || ') as key', ''),
    'pg_catalog.to_jsonb(pg_catalog.array_agg(dreamlit_event) filter (where '
      || coalesce(replace(p_capture ->> 'when', '%', '%%') || '(' || r.arguments || ')', 'true') || '))')) as e(columns, aggregate);
$$;
comment on function dreamlit._statement_queries(text, text, jsonb, text[], regclass, integer[]) is
  'Returns the queries over a transition table: a statement of one chunk of rows, one in chunks, and row by row under guard.';
grant execute on function dreamlit._statement_queries(text, text, jsonb, text[], regclass, integer[]) to dreamlit_admin;
