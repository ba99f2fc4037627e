-- Column names of the trigger's row, in SQL and templates alike, against what the table (or the call) has.
create or replace function dreamlit._check_uses(p_table regclass, p_columns jsonb, p_uses jsonb, p_operations text[])
returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  with columns as (
    select c.value ->> 'name' as name, coalesce((c.value ->> 'virtual')::boolean, false) as is_virtual
    from jsonb_array_elements(p_columns) as c
  ), names as (
    select coalesce(array_agg(c.name), '{}') as names from columns as c
  ), uses as (
    select distinct u.value ->> 'place' as place, u.value ->> 'alias' as alias, u.value ->> 'column' as column_name
    from jsonb_array_elements(p_uses) as u
    where u.value ->> 'alias' in ('trigger', 'new', 'old')
  )
  select u.place, format('%s.%s: %s has no column %s', u.alias, u.column_name, coalesce(p_table::text, 'the call'), u.column_name),
    dreamlit._did_you_mean(u.column_name, n.names)
  from uses as u cross join names as n
  where u.column_name <> all (n.names)
  union all
  select u.place, format('%s.%s is a virtual generated column, which triggers do not see', u.alias, u.column_name), 'write its expression instead'
  from uses as u join columns as c on c.name = u.column_name
  where c.is_virtual
  union all
  select u.place, format('%s.%s: the publisher %s may not read %s', u.alias, u.column_name, current_user, u.column_name),
    format('let the owner say: grant select (%I) on %s to %I', u.column_name, p_table, current_user)
  from uses as u join columns as c on c.name = u.column_name
  where p_table is not null and not has_column_privilege(p_table, c.name, 'SELECT')
  union all
  select distinct u.place, format('there is no old row on %s', array_to_string(p_operations, ' or ')), 'use trigger or new'
  from uses as u
  where u.alias = 'old' and u.column_name is not null and not p_operations && array['update', 'delete']
  union all
  select distinct u.place, 'there is no new row on delete', 'use trigger or old'
  from uses as u
  where u.alias = 'new' and u.column_name is not null and p_operations = array['delete'];
$$;
comment on function dreamlit._check_uses(regclass, jsonb, jsonb, text[]) is
  'Returns a fault for each column of trigger, new or old that is not there, is not readable by the current role, or has no row '
  'to be read from.';
grant execute on function dreamlit._check_uses(regclass, jsonb, jsonb, text[]) to dreamlit_admin;
