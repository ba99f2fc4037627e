-- The trigger's shape only; whether the table and its columns are there is for _check_table.
create or replace function dreamlit._check_trigger(p_trigger jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_operations constant text[] := array['insert', 'update', 'delete'];
begin
  if jsonb_typeof(p_trigger) is distinct from 'object' then
    return next ('trigger', 'the trigger is no mapping', 'write trigger: {table: public.users, on: insert}')::dreamlit._fault;
    return;
  end if;
  if p_trigger ? 'call' then
    return query select f.* from dreamlit._check_keys('trigger', p_trigger, array['call', 'key']) as f;
    return query select f.* from dreamlit._check_call_fields(p_trigger -> 'call') as f;
  else
    return query select f.* from dreamlit._check_keys(
      'trigger', p_trigger, array['table', 'on', 'when', 'columns', 'key', 'for_each', 'call'], array['table', 'on']) as f;
  end if;
  return query select f.* from dreamlit._check_texts('trigger', p_trigger, array['table', 'when', 'key']) as f;

  return query
    select 'trigger.on', format('%s is no change of a row', o.value), dreamlit._did_you_mean(o.value #>> '{}', c_operations)
    from jsonb_array_elements(dreamlit._as_list(p_trigger -> 'on')) as o(value)
    where not (jsonb_typeof(o.value) = 'string' and o.value #>> '{}' = any (c_operations));
  if p_trigger -> 'on' = '[]' then
    return next ('trigger.on', 'on is an empty list', 'use one of: insert, update, delete')::dreamlit._fault;
  end if;
  if p_trigger ? 'columns' and not dreamlit._as_list(p_trigger -> 'on') ? 'update' then
    return next ('trigger.columns', 'columns are given, but the trigger is not on update',
      'columns says which columns an update must change: add update to on, or remove columns')::dreamlit._fault;
  end if;
  return query
    select 'trigger.for_each', format('%s is neither row nor statement', p_trigger -> 'for_each'), 'write for_each: row, or leave it out'
    where p_trigger ? 'for_each' and (p_trigger -> 'for_each') not in ('"row"', '"statement"');
  return query
    select 'trigger.columns', format('%s is no column name', c.value), 'write columns: [status, amount]'
    from jsonb_array_elements(dreamlit._as_list(p_trigger -> 'columns')) as c(value)
    where jsonb_typeof(c.value) <> 'string';
end;
$$;
comment on function dreamlit._check_trigger(jsonb) is
  'Returns the faults of a definition''s trigger that can be seen without looking at the table.';
grant execute on function dreamlit._check_trigger(jsonb) to dreamlit_admin;
