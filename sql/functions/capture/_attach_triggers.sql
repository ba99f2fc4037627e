-- Logical replication applies its changes as a replica, for which only triggers enabled ALWAYS fire.
-- Attaching takes SHARE ROW EXCLUSIVE on the user's table, so a trigger that is right already is left alone.
create or replace function dreamlit._attach_triggers(
  p_workflow text, p_table regclass, p_operations text[], p_trigger jsonb, p_previous jsonb, p_when text, p_tries integer default 5)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_operation text;
  v_name text;
  v_row boolean;
  v_when text;
  v_always constant boolean := dreamlit._captures_replicated();
begin
  foreach v_operation in array p_operations loop
    v_name := format('dreamlit_%s_%s', p_workflow, v_operation);
    v_row := dreamlit._takes_row_trigger(p_table, v_operation, p_trigger ->> 'for_each');
    v_when := case
      when v_operation = 'update' then dreamlit._changed_sql(p_table, p_trigger -> 'columns')
      when v_row then dreamlit._native_condition(v_operation, p_trigger ->> 'when', p_when) end;
    continue when exists (
      select from pg_trigger as t
      where t.tgrelid = p_table and t.tgname = v_name and (t.tgtype & 1 = 1) = v_row and (t.tgenabled = 'A') = v_always
        and t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(p_workflow, v_operation) || '()')
        and (t.tgqual is null) = (v_when is null)
        and (v_when is null or p_trigger -> 'columns' is not distinct from p_previous -> 'columns' and p_trigger -> 'when' is not distinct from p_previous -> 'when'));
    begin
      perform dreamlit._put_trigger(v_name, p_workflow, v_operation, p_table, v_row, v_when, p_tries);
    exception when syntax_error_or_access_rule_violation then
      -- What the condition's function understands and a WHEN does not is left to the function.
      perform dreamlit._put_trigger(v_name, p_workflow, v_operation, p_table, v_row, null, p_tries);
    end;
    if v_always then
      perform dreamlit._run_soon(format('alter table %s enable always trigger %I', p_table, v_name), p_tries);
    end if;
  end loop;
end;
$$;
comment on function dreamlit._attach_triggers(text, regclass, text[], jsonb, jsonb, text, integer) is
  'Puts the workflow''s triggers on its table as the caller, where they are not there yet as they should be. p_trigger and p_previous '
  'are the trigger of this definition and of the one before, p_when is what its condition was compiled into.';
grant execute on function dreamlit._attach_triggers(text, regclass, text[], jsonb, jsonb, text, integer) to dreamlit_admin;
