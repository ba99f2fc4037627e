create or replace function dreamlit._examine_engine() returns table (name text, state text, detail text, mend text)
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select * from dreamlit._examine_installation()
  union all
  select * from dreamlit._examine_workflows()
  union all
  select * from dreamlit._examine_topics()
  union all
  select h.name, h.state, concat_ws(', ', h.number::text, h.seconds || ' s', h.detail), case
      when h.name like 'channel %' then 'mend the sender''s configuration and start it anew; Retry-After passes by itself'
      when h.name = 'uncertain messages' then 'dreamlit.release(message_id) or dreamlit.discard(message_id)'
      when h.name = 'worker' then 'run dreamlit install again, or let a sender run: it ticks where no worker does'
      when h.name = 'sender' then 'start one: dreamlit sender'
      when h.name = 'oldest snapshot' then 'end that transaction'
      when h.name like 'dead rows%' then 'look for what holds old snapshots; is autovacuum on?'
      else 'is the worker running, and are its senders?' end
  from dreamlit.health as h;
$$;
comment on function dreamlit._examine_engine() is 'Returns the doctor''s checks of the installation, the workflows and dreamlit.health.';
grant execute on function dreamlit._examine_engine() to dreamlit_admin;
