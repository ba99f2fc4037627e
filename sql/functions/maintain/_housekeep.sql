-- Called all the time, does something every few seconds: one row says when each chore was last done, and who holds it does it.
-- A chore that fails is tried again when it is due next, so that it never keeps the others from being done. One that is
-- due later than its interval was put off by a clock that ran ahead.
create or replace function dreamlit._housekeep() returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_chore text;
begin
  select c.chore into v_chore from dreamlit._chores as c
  where c.due_at <= clock_timestamp() or c.due_at > clock_timestamp() + c.every order by c.due_at limit 1 for update skip locked;
  if not found then
    return false;
  end if;
  update dreamlit._chores as c set due_at = clock_timestamp() + c.every where c.chore = v_chore;
  perform dreamlit._do_chore(v_chore);
  return true;
exception when others then
  raise warning 'dreamlit chore %: % (%)', v_chore, sqlerrm, sqlstate;
  update dreamlit._chores as c set due_at = clock_timestamp() + c.every where c.chore = v_chore;
  return true;
end;
$$;
comment on function dreamlit._housekeep() is
  'Does the one chore of the engine that is due, if any, and returns whether there was one: reaping interrupted deliveries, '
  'telling of troubles, dropping old partitions and unused versions.';
grant execute on function dreamlit._housekeep() to dreamlit_admin;
