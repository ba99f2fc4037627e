-- Shared with all workers and senders; an installation or upgrade that waits for it exclusively makes this answer false at once.
-- A tick that has still to come, noted by a clock that ran ahead, does not count.
create or replace function dreamlit._on_duty(p_worker text) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
begin
  if not pg_try_advisory_xact_lock_shared(hashtext('dreamlit'), hashtext('install')) then
    return false;
  end if;
  if not exists (select from dreamlit._workers as w where w.worker = p_worker and abs(extract(epoch from v_now - w.last_tick_at)) < 1) then
    insert into dreamlit._workers (worker, started_at, last_tick_at) values (p_worker, v_now, v_now)
    on conflict (worker) do update set last_tick_at = excluded.last_tick_at;
  end if;
  perform dreamlit._ensure_partitions();
  return true;
end;
$$;
comment on function dreamlit._on_duty(text) is
  'Notes a worker''s tick, at most once a second; returns false if the worker has to stop because an installation waits.';
grant execute on function dreamlit._on_duty(text) to dreamlit_admin;
