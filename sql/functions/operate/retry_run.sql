create or replace function dreamlit.retry_run(run_id bigint) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._await_erasing();
  perform dreamlit._reopen_run($1);
  return dreamlit._retry_runs(array[$1]);
end;
$$;
comment on function dreamlit.retry_run(bigint) is
  'Resumes the failed tasks of a run where they failed, on the version it ran on, and returns how many. Raises DL002 if there '
  'is no such run, DL003 if nothing of it has failed or its version has been retired.';
grant execute on function dreamlit.retry_run(bigint) to dreamlit_admin;
