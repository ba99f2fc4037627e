create or replace function dreamlit._changed_sql(p_table regclass, p_columns jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select string_agg(
    -- A type without equality (json, point, xml) is compared by its text.
    case when exists (
             select from pg_opclass as o join pg_am as m on m.oid = o.opcmethod
             where o.opcintype = b.base and o.opcdefault and m.amname in ('btree', 'hash'))
           or b.base::regtype::text like '%[]' or exists (select from pg_type as t where t.oid = b.base and t.typtype in ('e', 'r', 'c'))
           or b.base in ('varchar'::regtype)
      then format('old.%1$I is distinct from new.%1$I', a.attname)
      else format('old.%1$I::text is distinct from new.%1$I::text', a.attname) end, ' or ')
  from pg_attribute as a
  cross join lateral (
    select case when t.typtype = 'd' then t.typbasetype else t.oid end as base from pg_type as t where t.oid = a.atttypid) as b
  where a.attrelid = p_table and a.attnum > 0
    and a.attname in (select c.value from jsonb_array_elements_text(dreamlit._as_list(p_columns)) as c(value));
$$;
comment on function dreamlit._changed_sql(regclass, jsonb) is
  'Returns the WHEN condition of an update trigger: one of the columns changed; null without columns.';
grant execute on function dreamlit._changed_sql(regclass, jsonb) to dreamlit_admin;
