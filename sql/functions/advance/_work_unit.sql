-- An error here is a fault of the engine or the server (disk full, a deadlock): it is noted and tried again, never the end of
-- the worker.
create or replace function dreamlit._work_unit(p_step_id bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return case when p_step_id is null then dreamlit._launch_runs(2 * (dreamlit._setting('batch'))::integer, p_at_once => true) else dreamlit._advance(p_step_id) end;
exception when others then
  raise warning 'dreamlit worker: % (%)', sqlerrm, sqlstate using hint = 'the batch is tried again';
  update dreamlit._workers as w set last_error = jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm, 'step_id', p_step_id), last_error_at = clock_timestamp()
  where w.worker = 'work:' || pg_backend_pid();
  return 0;
end;
$$;
comment on function dreamlit._work_unit(bigint) is
  'One batch of the worker: runs to start (null) or a step''s due tasks. Returns how many moved.';
grant execute on function dreamlit._work_unit(bigint) to dreamlit_admin;
