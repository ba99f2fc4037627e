create or replace function dreamlit._is_replicated(p_table regclass) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from pg_subscription_rel as s
    where s.srrelid = p_table or s.srrelid in (select pg_partition_ancestors(p_table))
       or s.srrelid in (select t.relid from pg_partition_tree(p_table) as t));
$$;
comment on function dreamlit._is_replicated(regclass) is 'Returns whether a subscription writes to the table, or to a partition of it.';
