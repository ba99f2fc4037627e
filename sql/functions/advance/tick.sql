-- For servers without pg_cron, and the safety net where pg_cron has fallen silent. One batch a transaction, as with the worker:
-- two of them in one would lock runs in any order, and a chore may hold a whole table. The session remembers whose turn it is:
-- the due steps by their ids, a chore (-1), new runs (0).
create or replace function dreamlit.tick(sender text, release text default '0.1.0') returns table (moved integer, nap interval)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_last constant bigint := nullif(current_setting('dreamlit.ticked_step', true), '')::bigint;
  v_steps bigint[];
  v_turn bigint;
  v_moved integer := 0;
begin
  perform dreamlit._check_release($2);
  perform dreamlit._see_sender($1, null, $2);
  if exists (
      select from dreamlit._workers as w where w.worker like 'work:%'
      and abs(extract(epoch from clock_timestamp() - w.last_tick_at)) < 5)
    or not dreamlit._on_duty('tick:' || left($1, 200))
  then
    return query select 0, interval '2 seconds';
    return;
  end if;
  v_steps := dreamlit._due_steps();
  select min(s.step_id) into v_turn from unnest(v_steps) as s(step_id)
  where s.step_id > coalesce(v_last, 0) and v_last is distinct from -1;
  if v_turn is not null then
    v_moved := dreamlit._advance(v_turn);
  elsif v_last >= 0 and dreamlit._housekeep() then
    v_turn := -1;
  else
    v_turn := 0;
    v_moved := dreamlit._launch_runs(2 * (dreamlit._setting('batch'))::integer, p_at_once => true);
  end if;
  perform set_config('dreamlit.ticked_step', v_turn::text, false);
  return query select v_moved,
    case when v_moved > 0 or v_turn <= 0 and v_steps <> '{}' then interval '0' else interval '50 milliseconds' end;
end;
$$;
comment on function dreamlit.tick(text, text) is
  'One batch of the worker''s, done by a sender: starts runs, advances the due tasks of the next step, or does a chore. Returns '
  'how many moved and how long to sleep; nothing and two seconds while a worker of pg_cron is on duty. release is the sender''s '
  'own; raises DL005 for one too old for this database. Commit after it.';
grant execute on function dreamlit.tick(text, text) to dreamlit_sender;
