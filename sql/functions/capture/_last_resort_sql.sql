-- The workflow's columns are not all there, or not as they were: the user's writes go on, and the event is kept with the error.
create or replace function dreamlit._last_resort_sql(p_operation text, p_plain text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  -- By way of its text the row gets the table's type, which tells _readable the columns.
  select format($sql$select pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('trigger', r.captured, 'old', %s, 'error', $1))
    from (
      select %s as captured, r.part
      from (select (pg_catalog.row_number() over () - 1) / 500 as part, s.value
        from (select dreamlit._readable((dreamlit_row::text)::%%s) as value from %s as dreamlit_row) as s) as r
      cross join lateral (select r.value) as dreamlit_row
    ) as r where r.part > $2 group by r.part order by r.part$sql$,
    case p_operation when 'delete' then 'r.captured' else 'null::jsonb' end, replace(p_plain, '%', '%%'),
    case p_operation when 'delete' then 'dreamlit_old' else 'dreamlit_new' end);
$$;
comment on function dreamlit._last_resort_sql(text, text) is
  'Returns the query for format(…, the table) that makes events of a transition table''s rows with the error $1, after part $2.';
grant execute on function dreamlit._last_resort_sql(text, text) to dreamlit_admin;
