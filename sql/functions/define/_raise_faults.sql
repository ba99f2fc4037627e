create or replace function dreamlit._raise_faults(p_definition jsonb, p_faults jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_lines text;
begin
  if coalesce(p_faults, '[]') = '[]' then
    return;
  end if;
  select string_agg(format(E'\n  %s: %s (%s)', f.value ->> 'place', f.value ->> 'fact', f.value ->> 'hint'), '' order by f.ordinality)
  into v_lines from jsonb_array_elements(p_faults) with ordinality as f(value, ordinality);
  raise exception using errcode = 'DL001',
    message = format('the definition of %s has %s fault%s:%s', coalesce(p_definition ->> 'workflow', 'the workflow'),
      jsonb_array_length(p_faults), case when jsonb_array_length(p_faults) = 1 then '' else 's' end, v_lines),
    detail = p_faults::text,
    hint = 'mend them and publish again; nothing has been changed';
end;
$$;
comment on function dreamlit._raise_faults(jsonb, jsonb) is
  'Raises DL001 with all faults, the list as DETAIL; does nothing if there are none.';
grant execute on function dreamlit._raise_faults(jsonb, jsonb) to dreamlit_admin;
