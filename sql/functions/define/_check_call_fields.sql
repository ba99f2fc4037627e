create or replace function dreamlit._check_call_fields(p_fields jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_field record;
begin
  if jsonb_typeof(p_fields) is distinct from 'object' then
    return next ('trigger.call', 'call is no mapping of fields to types', 'write call: {email: text, amount: numeric}')::dreamlit._fault;
    return;
  end if;
  -- A row of PostgreSQL has at most 1600 columns.
  if (select count(*) from jsonb_object_keys(p_fields)) > 1600 then
    return next ('trigger.call', 'call has more than 1600 fields', 'put some of them together into a field of type jsonb')::dreamlit._fault;
    return;
  end if;
  for v_field in select f.key, f.value from jsonb_each(p_fields) as f loop
    if v_field.key !~ '^[a-z_][a-z0-9_]{0,62}$' then
      return next ('trigger.call.' || v_field.key, format('%s is no field name', v_field.key),
        'use lower-case letters, digits and _, at most 63')::dreamlit._fault;
    end if;
    if jsonb_typeof(v_field.value) <> 'string' or not dreamlit._is_type(v_field.value #>> '{}') then
      return next ('trigger.call.' || v_field.key, format('%s is no type', v_field.value),
        'use a PostgreSQL type such as text, numeric or timestamptz')::dreamlit._fault;
    end if;
  end loop;
end;
$$;
comment on function dreamlit._check_call_fields(jsonb) is
  'Returns the faults of trigger.call, which maps the fields of start()''s payload to types.';
grant execute on function dreamlit._check_call_fields(jsonb) to dreamlit_admin;
