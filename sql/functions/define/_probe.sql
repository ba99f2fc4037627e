-- A cursor takes one statement that returns rows and nothing else; a view tells the columns.
create or replace function dreamlit._probe(p_search_path text, p_sql text) returns table (column_name text, type_name text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor refcursor;
begin
  perform set_config('search_path', p_search_path, true);
  open v_cursor for execute p_sql;
  close v_cursor;
  execute format('create view dreamlit_workflows.dreamlit_probe as %s', p_sql);
  perform set_config('search_path', 'pg_catalog, pg_temp', true);
  return query
    select c.column_name, c.type_name from dreamlit._table_columns('dreamlit_workflows.dreamlit_probe'::regclass) as c;
  drop view dreamlit_workflows.dreamlit_probe;
end;
$$;
comment on function dreamlit._probe(text, text) is
  'Returns the columns of one read-only query without running it; raises what PostgreSQL says if it does not compile or is not '
  'one query.';
grant execute on function dreamlit._probe(text, text) to dreamlit_admin;
