-- Between detach and attach the anchor is gone, and a captured column may have another name or type, or none at all. These trigger
-- functions find the columns by their numbers and guard everything.
create or replace function dreamlit._detached_triggers(p_version_id bigint, p_watched boolean)
returns table (watched_table regclass, pinned boolean, sql text[])
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_version dreamlit._versions;
  v_workflow text;
  v_anchor text;
  v_trigger record;
  v_table regclass;
  v_pinned boolean := false;
  v_sql text[] := '{}'::text[];
begin
  select v.* into v_version from dreamlit._versions as v where v.version_id = p_version_id;
  select w.name into v_workflow from dreamlit._workflows as w where w.workflow_id = v_version.workflow_id;
  v_anchor := dreamlit._object_name(v_workflow, v_version.version, 'columns');
  for v_trigger in
    select o.operation, t.tgrelid::regclass as watched, t.tgname, t.tgtype & 1 = 1 as by_row, t.tgqual is not null as conditional,
      t.tgenabled = 'A' as always
    from unnest(v_version.operations) as o(operation)
    join pg_trigger as t on t.tgfoid = to_regprocedure(dreamlit._trigger_function_name(v_workflow, o.operation) || '()') and t.tgparentid = 0
    where p_watched
  loop
    v_table := v_trigger.watched;
    v_sql := v_sql || dreamlit._detached_function(v_workflow, v_version, v_trigger.operation, v_trigger.by_row, v_table, v_anchor);
    if v_trigger.conditional then
      v_pinned := true;
      v_sql := v_sql || format('create or replace trigger %I after %s on %s for each row execute function %s()', v_trigger.tgname,
        v_trigger.operation, v_table, dreamlit._trigger_function_name(v_workflow, v_trigger.operation));
      if v_trigger.always then
        v_sql := v_sql || format('alter table %s enable always trigger %I', v_table, v_trigger.tgname);
      end if;
    end if;
  end loop;
  return query select v_table, v_pinned, v_sql;
end;
$$;
comment on function dreamlit._detached_triggers(bigint, boolean) is
  'Returns the table that a published version watches, whether a trigger on it pins columns, and the statements that make its '
  'triggers do without anchor and types; none if p_watched is false.';
