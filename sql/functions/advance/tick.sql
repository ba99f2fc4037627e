-- For servers without pg_cron, and the safety net where pg_cron has fallen silent: one round in one transaction.
create or replace function dreamlit.tick(sender text, release text default '0.1.0') returns table (moved integer, nap interval)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_moved integer;
begin
  perform dreamlit._check_release($2);
  perform dreamlit._see_sender($1, null, $2);
  if exists (select from dreamlit._workers as w where w.worker like 'work:%' and w.last_tick_at > clock_timestamp() - interval '5 seconds')
    or not dreamlit._on_duty('tick:' || left($1, 200))
  then
    return query select 0, interval '1 second';
    return;
  end if;
  perform dreamlit._housekeep();
  v_moved := dreamlit._launch_runs();
  select v_moved + coalesce(sum(dreamlit._advance(s.step_id)), 0) into v_moved from unnest(dreamlit._due_steps()) as s(step_id);
  return query select v_moved, case when v_moved > 0 then interval '0' else interval '50 milliseconds' end;
end;
$$;
comment on function dreamlit.tick(text, text) is
  'One round of the worker, done by a sender: starts runs and advances due tasks. Returns how many moved and how long to sleep; '
  'nothing and a second while a worker of pg_cron is on duty. release is the sender''s own; raises DL005 for one too old for this '
  'database. Commit after it.';
grant execute on function dreamlit.tick(text, text) to dreamlit_sender;
