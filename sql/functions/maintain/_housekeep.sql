-- Called all the time, does something every few seconds: one row says when each chore was last done, and who holds it does it.
create or replace function dreamlit._housekeep() returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_chore text;
begin
  select c.chore into v_chore from dreamlit._chores as c
  where c.due_at <= clock_timestamp() order by c.due_at limit 1 for update skip locked;
  if not found then
    return;
  end if;
  update dreamlit._chores as c set due_at = clock_timestamp() + c.every where c.chore = v_chore;
  case v_chore
    when 'reap' then perform dreamlit._reap();
    when 'drop partitions' then perform dreamlit._drop_old_partitions();
    when 'drop versions' then perform dreamlit._drop_unused_versions();
    when 'forget workers' then delete from dreamlit._workers as w where w.last_tick_at < clock_timestamp() - interval '1 hour';
  end case;
exception when others then
  raise warning 'dreamlit chore %: % (%)', v_chore, sqlerrm, sqlstate;
end;
$$;
comment on function dreamlit._housekeep() is
  'Does the one chore of the engine that is due, if any: reaping interrupted deliveries, dropping old partitions and unused '
  'versions.';
grant execute on function dreamlit._housekeep() to dreamlit_admin;
