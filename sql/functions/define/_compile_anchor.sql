-- The one place that refers to the user's table: PostgreSQL follows its columns through renames and refuses to drop them.
-- It reads them through FROM: a function that took the table's row type would block ALTER TABLE … ADD COLUMN … DEFAULT.
create or replace function dreamlit._compile_anchor(p_name text, p_table regclass, p_columns text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._create_function('pg_catalog, pg_temp', p_name || '()', format(
    E'create function %s() returns setof jsonb language sql stable\nbegin atomic\n  select jsonb_build_object(%s) from %s as dreamlit_table;\nend',
    p_name,
    (select string_agg(format('%L, dreamlit_table.%I', c.name, c.name), ', ') from unnest(p_columns) as c(name)),
    p_table));
end;
$$;
comment on function dreamlit._compile_anchor(text, regclass, text[]) is
  'Creates the function that pins the captured columns of a watched table; it is never called.';
grant execute on function dreamlit._compile_anchor(text, regclass, text[]) to dreamlit_admin;
