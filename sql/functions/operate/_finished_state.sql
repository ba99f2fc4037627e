create or replace function dreamlit._finished_state(p_run_id bigint) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_state text;
begin
  select h.state into v_state from dreamlit._run_history as h where h.run_id = p_run_id;
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no run %s', p_run_id), hint = 'look in dreamlit.runs';
  end if;
  return v_state;
end;
$$;
comment on function dreamlit._finished_state(bigint) is 'Returns the state of a finished run; raises DL002 if there is none.';
