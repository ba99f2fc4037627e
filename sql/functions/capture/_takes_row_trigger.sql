create or replace function dreamlit._takes_row_trigger(p_table regclass, p_operation text, p_for_each text default null) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_operation = 'update' or p_for_each is not distinct from 'row' or dreamlit._captures_replicated() or c.relkind = 'p' or c.relispartition or c.relhassubclass
  from pg_class as c where c.oid = p_table;
$$;
comment on function dreamlit._takes_row_trigger(regclass, text, text) is
  'Returns whether an operation on a table is captured row by row: where the definition says so (for_each), updates, partitioned and inherited tables, partitions, and '
  'whatever logical replication may write, which fires no statement trigger.';
grant execute on function dreamlit._takes_row_trigger(regclass, text, text) to dreamlit_admin;
