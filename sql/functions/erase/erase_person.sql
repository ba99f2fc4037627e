-- Lock order as everywhere: _await_erasing's lock, event queue, then _lock_person takes outbox rows, held messages, tasks and runs; then what is over.
create or replace function dreamlit.erase_person(address text) returns table (what text, erased bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_mentions constant text := dreamlit._mentions(dreamlit._check_address($1));
  v_runs bigint[];
begin
  perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('erase'));
  what := 'waiting events';
  erased := dreamlit._erase_waiting_events(v_mentions);
  return next;
  v_runs := dreamlit._lock_person($1, v_mentions);
  what := 'open runs cancelled';
  select count(*) into erased from dreamlit._runs as r where r.run_id = any (v_runs) and not r.cancelling;
  perform dreamlit._cancel_runs(array(select r.run_id from dreamlit._runs as r where r.run_id = any (v_runs) order by r.run_id));
  return next;
  what := 'open tasks skipped';
  erased := dreamlit._erase_open_tasks(v_mentions);
  return next;
  what := 'engagement';
  erased := dreamlit._erase_engagement($1, v_runs, v_mentions);
  return next;
  return query select * from dreamlit._erase_history(v_runs, v_mentions);
  update dreamlit._suppressions as s set address = null where s.address_hash = dreamlit._address_hash($1);
  perform dreamlit._audit('erase person');
  return query
    select 'deliveries under way (erase again when they have ended)', count(*) from dreamlit._messages as m
    where m.state = 'queued' and (m.run_id = any (v_runs) or m.recipient ~* v_mentions or m.content::text ~* v_mentions
      or m.task_id in (select t.task_id from dreamlit._tasks as t where t.item::text ~* v_mentions));
end;
$$;
comment on function dreamlit.erase_person(text) is
  'Erases a person by address: events, payloads, items, bodies and errors that mention it, in open and past runs; runs that it '
  'started are cancelled. Counts, times and states stay, and so do a suppression and what the person chose, under a salted hash. Returns what was erased and '
  'how many of each. A delivery that a sender has begun cannot be called back; the last row counts them. Waits for whoever brings runs back at that moment (retry_run, rerun and their like), as they wait for it. Reads the whole history. '
  'Raises DL001 for something that is no address.';
grant execute on function dreamlit.erase_person(text) to dreamlit_admin;
