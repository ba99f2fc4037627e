-- A change of a table's column reaches its partitions and children too, and its views stand in the way with it.
create or replace function dreamlit._relations_over(p_table regclass) returns table (oid oid)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive relations as (
    select p_table::oid as oid
    union
    select d.oid
    from relations as r
    cross join lateral (
      select i.inhrelid from pg_inherits as i where i.inhparent = r.oid
      union all
      select w.ev_class
      from pg_depend as v join pg_rewrite as w on v.classid = 'pg_rewrite'::regclass and w.oid = v.objid
      where v.refclassid = 'pg_class'::regclass and v.refobjid = r.oid
    ) as d(oid)
  )
  select r.oid from relations as r;
$$;
comment on function dreamlit._relations_over(regclass) is
  'Returns a table or view with its partitions and children and the views over any of them.';
