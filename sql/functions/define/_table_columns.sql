-- Domains are followed to their base type: a domain may refuse the null that an absent old row is made of.
create or replace function dreamlit._table_columns(p_table regclass)
returns table (column_number smallint, column_name text, type_name text, is_virtual boolean)
language sql stable set search_path = pg_catalog, pg_temp as $$
  with recursive columns as (
    select a.attnum, a.attname, a.atttypid, a.atttypmod, a.attgenerated
    from pg_attribute as a
    where a.attrelid = p_table and a.attnum > 0 and not a.attisdropped
    union all
    select c.attnum, c.attname, t.typbasetype, t.typtypmod, c.attgenerated
    from columns as c join pg_type as t on t.oid = c.atttypid
    where t.typtype = 'd'
  )
  select c.attnum, c.attname::text, format_type(c.atttypid, c.atttypmod), c.attgenerated = 'v'
  from columns as c join pg_type as t on t.oid = c.atttypid
  where t.typtype <> 'd'
  order by c.attnum;
$$;
comment on function dreamlit._table_columns(regclass) is 'Returns the live columns of a table with their base types, in order.';
grant execute on function dreamlit._table_columns(regclass) to dreamlit_admin;
