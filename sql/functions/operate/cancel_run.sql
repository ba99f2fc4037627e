create or replace function dreamlit.cancel_run(run_id bigint) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (select from dreamlit._runs as r where r.run_id = $1) then
    return dreamlit._finished_state($1);
  end if;
  perform dreamlit._cancel_runs(array[$1]);
  return 'cancelled';
end;
$$;
comment on function dreamlit.cancel_run(bigint) is
  'Cancels an open run: its tasks end as cancelled and its queued messages are not sent; a delivery that has begun is left to '
  'end. Returns cancelled, or the state of a run that had finished before. Raises DL002 if there is no such run.';
grant execute on function dreamlit.cancel_run(bigint) to dreamlit_admin;
