create or replace function dreamlit._examine_triggers(p_workflow text, p_version integer, p_publisher name, p_operations text[])
returns table (state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  c_republish constant text := 'unpublish it and publish it again';
  v_operation text;
  v_trigger record;
begin
  foreach v_operation in array p_operations loop
    select t.tgenabled, t.tgrelid::regclass as watched, (t.tgtype & 1) = 1 as by_row into v_trigger
    from pg_trigger as t
    where t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(p_workflow, v_operation) || '()') and t.tgparentid = 0;
    if not found then
      return query select 'critical', format('its trigger on %s is gone: events are not captured', v_operation), c_republish;
      continue;
    end if;
    if v_trigger.tgenabled not in ('O', 'A') then
      return query select 'critical', format('its trigger on %s is disabled: events are not captured', v_operation),
        format('alter table %s enable trigger %I', v_trigger.watched, format('dreamlit_%s_%s', p_workflow, v_operation));
    end if;
    if dreamlit._captures_replicated() and v_trigger.tgenabled <> 'A' then
      return query select 'critical', format('its trigger on %s of %s is from before the setting capture_replicated: what replication writes is not captured', v_operation, v_trigger.watched),
        format('select * from dreamlit.with_workflows_detached(%L, ''select 1'')', v_trigger.watched);
    elsif v_trigger.tgenabled <> 'A' and dreamlit._is_replicated(v_trigger.watched) then
      return query select 'warning', format('%s is written by logical replication, of which its trigger on %s sees nothing', v_trigger.watched, v_operation),
        'if it is to see it: dreamlit install --replica, then this check again; otherwise leave it';
    elsif dreamlit._takes_row_trigger(v_trigger.watched, v_operation) and not v_trigger.by_row then
      return query select 'critical', format('%s has become a partition or a parent: rows written through the other table are not captured', v_trigger.watched),
        format('select * from dreamlit.with_workflows_detached(%L, ''select 1'')', v_trigger.watched);
    end if;
    if not has_table_privilege(p_publisher, v_trigger.watched, 'TRIGGER') then
      return query select 'warning', format('%s may no longer put triggers on %s', p_publisher, v_trigger.watched),
        format('grant trigger on %s to %I, or publish it as another role', v_trigger.watched, p_publisher);
    end if;
  end loop;
  if cardinality(p_operations) > 0 and not has_function_privilege(p_publisher, 'dreamlit._enqueue(bigint, text, jsonb)', 'EXECUTE') then
    return query select 'critical', format('%s may not enqueue: writes to the table fail', p_publisher),
      format('grant execute on function dreamlit._enqueue(bigint, text, jsonb) to %I', p_publisher);
  end if;
  if cardinality(p_operations) > 0 and to_regprocedure(dreamlit._object_name(p_workflow, p_version, 'columns') || '()') is null then
    return query select 'critical', 'a captured column has been dropped with cascade: its runs start as failed', 'publish it without that column, or with the one that took its place; then retry the runs';
  elsif dreamlit._follows_rename(p_workflow, p_version) then
    return query select 'warning', 'a captured column has been renamed: captured as before, a little slower', 'publish it with the new name';
  end if;
end;
$$;
comment on function dreamlit._examine_triggers(text, integer, name, text[]) is
  'Returns what is wrong with a workflow''s triggers; no row means nothing.';
