-- DDL on a user's table waits briefly, because everyone who comes after waits behind it.
create or replace function dreamlit._run_soon(p_sql text) returns void
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
begin
  for v_try in 1 .. 5 loop
    begin
      execute p_sql;
      return;
    exception when lock_not_available then
      if v_try = 5 then
        raise exception using errcode = 'DL007',
          message = 'the watched table is locked by others: five tries of 500 ms each got no lock',
          hint = 'look for a long transaction in pg_stat_activity, and publish or unpublish again when it has ended',
          detail = p_sql;
      end if;
      perform pg_sleep(0.1 * v_try);
    end;
  end loop;
end;
$$;
comment on function dreamlit._run_soon(text) is
  'Runs DDL as the caller under a lock_timeout of 500 ms, five tries; then raises DL007.';
grant execute on function dreamlit._run_soon(text) to dreamlit_admin;
