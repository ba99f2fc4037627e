-- DDL on a user's table waits briefly, because everyone who comes after waits behind it. Who needs the locks of two things gives
-- p_tries => 1 and tries both again: to hold one of them while waiting for the other would be a deadlock for an application that
-- has them the other way round, after PostgreSQL's deadlock_timeout of a second.
create or replace function dreamlit._run_soon(p_sql text, p_tries integer default 5) returns void
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
begin
  for v_try in 1 .. p_tries loop
    begin
      execute p_sql;
      return;
    exception when lock_not_available then
      if v_try = p_tries then
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
comment on function dreamlit._run_soon(text, integer) is
  'Runs DDL as the caller under a lock_timeout of 500 ms, five tries unless p_tries says otherwise; then raises DL007.';
grant execute on function dreamlit._run_soon(text, integer) to dreamlit_admin;
