create or replace function dreamlit._put_trigger(
  p_name text, p_workflow text, p_operation text, p_table regclass, p_row boolean, p_when text, p_tries integer)
returns void
language sql set search_path = pg_catalog, pg_temp as $$
  select dreamlit._run_soon(format('create or replace trigger %I after %s on %s %s for each %s %s execute function %s()',
    p_name, p_operation, p_table,
    case when p_row then '' when p_operation = 'insert' then 'referencing new table as dreamlit_new' else 'referencing old table as dreamlit_old' end,
    case when p_row then 'row' else 'statement' end, 'when (' || p_when || ')', dreamlit._trigger_function_name(p_workflow, p_operation)), p_tries);
$$;
comment on function dreamlit._put_trigger(text, text, text, regclass, boolean, text, integer) is
  'Creates or replaces one trigger as the caller; p_when is its own condition, or null.';
grant execute on function dreamlit._put_trigger(text, text, text, regclass, boolean, text, integer) to dreamlit_admin;
