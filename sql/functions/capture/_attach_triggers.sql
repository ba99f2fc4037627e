-- Logical replication applies its changes as a replica, for which only triggers enabled ALWAYS fire.
-- Attaching takes SHARE ROW EXCLUSIVE on the user's table, so a trigger that is right already is left alone.
create or replace function dreamlit._attach_triggers(
  p_workflow text, p_table regclass, p_operations text[], p_columns jsonb, p_previous_columns jsonb, p_tries integer default 5)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_operation text;
  v_name text;
  v_row boolean;
  v_always constant boolean := dreamlit._captures_replicated();
begin
  foreach v_operation in array p_operations loop
    v_name := format('dreamlit_%s_%s', p_workflow, v_operation);
    v_row := dreamlit._takes_row_trigger(p_table, v_operation);
    continue when exists (
      select from pg_trigger as t
      where t.tgrelid = p_table and t.tgname = v_name and (t.tgtype & 1 = 1) = v_row and (t.tgenabled = 'A') = v_always
        and t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(p_workflow, v_operation) || '()')
        and (v_operation <> 'update' or p_columns is not distinct from p_previous_columns and (p_columns is null) = (t.tgqual is null)));
    perform dreamlit._run_soon(format('create or replace trigger %I after %s on %s %s for each %s %s execute function %s()',
      v_name, v_operation, p_table,
      case when v_row then '' when v_operation = 'insert' then 'referencing new table as dreamlit_new' else 'referencing old table as dreamlit_old' end,
      case when v_row then 'row' else 'statement' end,
      case when v_operation = 'update' then dreamlit._changed_sql(p_table, p_columns) else '' end,
      dreamlit._trigger_function_name(p_workflow, v_operation)), p_tries);
    if v_always then
      perform dreamlit._run_soon(format('alter table %s enable always trigger %I', p_table, v_name), p_tries);
    end if;
  end loop;
end;
$$;
comment on function dreamlit._attach_triggers(text, regclass, text[], jsonb, jsonb, integer) is
  'Puts the workflow''s triggers on its table as the caller, where they are not there yet as they should be.';
grant execute on function dreamlit._attach_triggers(text, regclass, text[], jsonb, jsonb, integer) to dreamlit_admin;
