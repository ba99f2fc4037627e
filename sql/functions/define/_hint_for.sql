create or replace function dreamlit._hint_for(p_sqlstate text, p_what text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case
    when p_sqlstate = '42601' then format('write one SQL %s that only reads, without a semicolon', p_what)
    when p_sqlstate = '42703' then 'name a column that is there, with its alias before it: trigger.…, old.… or an earlier step''s id'
    when p_sqlstate = '42P01' then 'name tables with their schema, and steps only below themselves'
    when p_what = 'expression' and p_sqlstate in ('42803', '42P20', '0A000')
      then 'write an expression that only reads and gives one value for one item: sums and lists belong into a query step'
    when p_sqlstate = '42P16' then 'give each value a type that a column can have'
    when p_sqlstate = '42P02' then 'write trigger.column: there are no parameters'
    when p_sqlstate = '42501' then 'publish as a role that may read it: publishing grants nobody anything'
    when p_sqlstate in ('42P11', '0A000', '25006') then format('write one %s that only reads', p_what)
    else format('mend the %s', p_what)
  end;
$$;
comment on function dreamlit._hint_for(text, text) is
  'Returns the hint for an SQLSTATE met while compiling, where PostgreSQL gave none.';
grant execute on function dreamlit._hint_for(text, text) to dreamlit_admin;
