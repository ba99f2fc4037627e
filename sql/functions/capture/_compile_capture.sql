-- Creates the anchor, the event function and the trigger functions. Replacing a trigger function takes no lock on the table.
create or replace function dreamlit._compile_capture(p_workflow text, p_version integer, p_version_id bigint, p_table regclass, p_operations text[], p_capture jsonb)
returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_anchor constant text := dreamlit._object_name(p_workflow, p_version, 'columns');
  v_event constant text := dreamlit._object_name(p_workflow, p_version, 'event');
  v_names text[];
  v_numbers integer[];
  v_operation text;
  v_name text;
begin
  select coalesce(array_agg(a.attname::text order by a.attnum), '{}'), coalesce(array_agg(a.attnum::integer order by a.attnum), '{}')
  into v_names, v_numbers
  from pg_attribute as a
  where a.attrelid = p_table and a.attnum > 0 and a.attname in (
    select c.value ->> 'name' from jsonb_array_elements((p_capture -> 'columns') || (p_capture -> 'old_columns')) as c);
  perform dreamlit._compile_anchor(v_anchor, p_table, v_names);
  perform dreamlit._create_function('pg_catalog, pg_temp',
    format('%s(%s, %s, %s)', v_event, p_capture ->> 'type', p_capture ->> 'type', p_capture ->> 'old_type'),
    dreamlit._event_function(v_event, p_capture));
  foreach v_operation in array p_operations loop
    v_name := dreamlit._trigger_function_name(p_workflow, v_operation);
    perform dreamlit._create_function('pg_catalog, pg_temp', v_name || '()', case
      when dreamlit._takes_row_trigger(p_table, v_operation, p_capture ->> 'for_each')
        then dreamlit._row_trigger_function(v_name, v_operation, p_version_id, v_event, v_anchor, p_capture, p_table, v_names, v_numbers)
      else dreamlit._statement_trigger_function(v_name, v_operation, p_version_id, v_event, v_anchor, p_capture, p_table, v_names, v_numbers) end);
  end loop;
end;
$$;
comment on function dreamlit._compile_capture(text, integer, bigint, regclass, text[], jsonb) is
  'Creates a version''s capture functions as the caller, and points the workflow''s trigger functions at them.';
grant execute on function dreamlit._compile_capture(text, integer, bigint, regclass, text[], jsonb) to dreamlit_admin;
