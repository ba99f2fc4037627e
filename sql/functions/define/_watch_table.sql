-- Triggers of an earlier version on another table or operation go with their functions; the rest are kept or made. A workflow
-- that moves from one table to another needs the locks of both: both are tried again together. Compiling, which takes its time,
-- comes before them, so the functions that are left behind make room for the new ones under another name, or go at once if another publisher's.
create or replace function dreamlit._watch_table(p_definition jsonb, p_version_id bigint, p_version integer, p_previous jsonb, p_compiled jsonb)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow constant text := p_definition ->> 'workflow';
  v_table constant regclass := (p_compiled ->> 'table')::regclass;
  v_operations constant text[] := array(select jsonb_array_elements_text(p_compiled -> 'operations'));
begin
  for v_try in 1 .. 5 loop
    begin
      if v_table is not null then
        perform case
          when pg_has_role(p.proowner, 'usage') then dreamlit._run_ddl('pg_catalog, pg_temp',
            format('alter function %s() rename to %I', p.oid::regproc, p.proname || '_left'))
          else dreamlit._unwatch(v_workflow, o.operation, 1)
        end
        from unnest(v_operations) as o(operation)
        join pg_proc as p on p.oid = to_regprocedure(dreamlit._trigger_function_name(v_workflow, o.operation) || '()')
        where not exists (select from pg_trigger as t where t.tgfoid = p.oid and t.tgrelid = v_table);
        perform dreamlit._compile_capture(v_workflow, p_version, p_version_id, v_table, v_operations, p_compiled -> 'capture');
        perform dreamlit._attach_triggers(v_workflow, v_table, v_operations,
          p_definition -> 'trigger', p_previous -> 'trigger', p_compiled #>> '{capture,when}', 1);
      end if;
      perform dreamlit._unwatch(v_workflow, o.operation, 1)
      from unnest(array['insert', 'update', 'delete']) as o(operation) where v_table is null or o.operation <> all (v_operations);
      perform dreamlit._unwatch(v_workflow, o.operation || '_left', 1) from unnest(v_operations) as o(operation);
      return;
    exception when sqlstate 'DL007' then
      if v_try = 5 then
        raise;
      end if;
      perform pg_sleep(0.1 * v_try);
    end;
  end loop;
end;
$$;
comment on function dreamlit._watch_table(jsonb, bigint, integer, jsonb, jsonb) is
  'Points the workflow''s triggers at the new version.';
grant execute on function dreamlit._watch_table(jsonb, bigint, integer, jsonb, jsonb) to dreamlit_admin;
