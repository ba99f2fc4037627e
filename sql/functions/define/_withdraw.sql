-- Lock order: the user's table, then what cancelling locks. A worker may have it the other way round, when a step's query reads
-- that table: so nothing here waits for longer than 500 ms, and whatever waited too long gives all of it back and tries again.
create or replace function dreamlit._withdraw(p_workflow dreamlit._workflows, p_cancel_runs boolean) returns void
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
begin
  for v_try in 1 .. 5 loop
    begin
      perform dreamlit._unwatch(p_workflow.name, o.operation, 1)
      from unnest(array['insert', 'update', 'delete']) as o(operation);
      if p_cancel_runs then
        perform dreamlit._cancel_runs(array(
          select r.run_id from dreamlit._runs as r where r.workflow_id = p_workflow.workflow_id order by r.run_id));
      end if;
      return;
    exception when lock_not_available or sqlstate 'DL007' then
      if v_try = 5 then
        raise exception using errcode = 'DL007',
          message = format(
            'the table or the runs of workflow %s are locked by others: five tries of 500 ms each got no lock', p_workflow.name),
          hint = 'look for a long transaction in pg_stat_activity, and unpublish again when it has ended';
      end if;
      perform pg_sleep(0.1 * v_try);
    end;
  end loop;
end;
$$;
comment on function dreamlit._withdraw(dreamlit._workflows, boolean) is
  'Takes a workflow''s triggers off its table and cancels its open runs, if asked to; raises DL007 if it cannot lock them.';
