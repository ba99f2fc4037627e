-- All that it does is undone before it returns: the run, its tasks and what a failure notes stand in a subtransaction that ends
-- with an error of ours, and only variables outlive that. It takes no task but those of its own run.
create or replace function dreamlit._preview(p_name text, p_event jsonb, p_step text, p_all boolean) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  c_most constant integer := 25;
  v_workflow constant dreamlit._workflows := dreamlit._workflow(p_name);
  v_version constant dreamlit._versions := dreamlit._version_of(v_workflow, null);
  v_operation constant text := coalesce(dreamlit._as_list(v_version.definition #> '{trigger,on}') ->> 0, 'call');
  v_run_id bigint;
  v_step dreamlit._steps;
  v_task_ids bigint[];
  v_items jsonb[];
  v_messages jsonb;
  v_found jsonb := jsonb '[]';
begin
  if p_step is not null and not exists (
    select from dreamlit._steps as s where s.version_id = v_version.version_id and s.name = p_step and s.kind in ('email', 'slack'))
  then
    raise exception using errcode = 'DL002', message = format('workflow %s has no step %s that sends', p_name, p_step),
      hint = dreamlit._did_you_mean(p_step, array(
        select s.name from dreamlit._steps as s where s.version_id = v_version.version_id and s.kind in ('email', 'slack') order by s.position));
  end if;
  begin
    v_run_id := dreamlit._launch_event(v_version.version_id, v_operation,
      dreamlit._check_payload(p_name, v_version, p_event -> 'trigger') - 'key'
        || case when jsonb_typeof(p_event -> 'old') = 'object' then jsonb_build_object('old', p_event -> 'old') else '{}' end);
    perform set_config('dreamlit.advancing', 'on', true);
    loop
      select s.* into v_step
      from dreamlit._tasks as t join dreamlit._steps as s on s.step_id = t.step_id
      where t.run_id = v_run_id and s.kind <> 'trigger' order by s.position, s.step_id limit 1;
      exit when not found;
      select array_agg(t.task_id order by t.task_id), array_agg(r.payload || coalesce(t.item, '{}') order by t.task_id) into v_task_ids, v_items
      from (
        select t.* from dreamlit._tasks as t where t.run_id = v_run_id and t.step_id = v_step.step_id order by t.task_id limit c_most
      ) as t
      join dreamlit._runs as r on r.run_id = t.run_id;
      delete from dreamlit._tasks as t where t.run_id = v_run_id and t.step_id = v_step.step_id and t.task_id <> all (v_task_ids);
      v_messages := dreamlit._preview_step(v_step, v_task_ids, v_items, p_all);
      if p_step is null or p_step = v_step.name or not v_step.kind in ('email', 'slack') then
        v_found := v_found || v_messages;
      end if;
    end loop;
    raise exception using errcode = 'DL999', message = 'the preview is over';
  exception when sqlstate 'DL999' then
    return v_found;
  end;
end;
$$;
comment on function dreamlit._preview(text, jsonb, text, boolean) is
  'Runs a workflow''s published version for an event without sending or keeping anything, at most 25 items a step; returns what '
  '_preview_step does, of all steps or of one. Raises DL001 for a payload that does not fit, DL002 for an unknown step, DL003.';
grant execute on function dreamlit._preview(text, jsonb, text, boolean) to dreamlit_admin;
