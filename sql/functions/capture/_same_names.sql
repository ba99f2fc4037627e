-- Declared immutable, so that the planner asks it once a plan and not once a statement: PostgreSQL makes a plan over a transition
-- table anew when its table is altered. The names come from the catalog's cache, which knows more than an old snapshot does.
create or replace function dreamlit._same_names(p_table oid, p_numbers integer[], p_names name[]) returns boolean
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
begin
  return p_names is not distinct from array(
    select (pg_identify_object_as_address('pg_class'::regclass, p_table, c.number)).object_names[3]::name
    from unnest(p_numbers) with ordinality as c(number, n) order by c.n);
end;
$$;
comment on function dreamlit._same_names(oid, integer[], name[]) is
  'Returns whether columns of a table, given by their numbers, bear these names today.';
grant execute on function dreamlit._same_names(oid, integer[], name[]) to dreamlit_admin;
