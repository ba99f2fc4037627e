-- Dead rows that a long transaction elsewhere keeps from being removed stand at the head of our queues' indexes, and every look
-- would step over all of them again. So each session remembers how far it has looked, and starts there. It lags two seconds
-- behind, for transactions that commit later than others that began after them; and it is only a hint: once a second, or as
-- seldom as keeps that under a fiftieth of the time, everything is looked through.
create or replace function dreamlit._low_mark(p_scan text) returns bigint
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_mark constant text[] := string_to_array(nullif(current_setting('dreamlit.mark_' || p_scan, true), ''), '|');
begin
  if v_mark is null or clock_timestamp() > v_mark[4]::timestamptz or dreamlit._now() < v_mark[5]::timestamptz
    or exists (select from dreamlit._workflows as w where w.state_changed_at >= v_mark[5]::timestamptz)
  then
    return null;
  end if;
  return nullif(v_mark[1], '')::bigint;
end;
$$;
comment on function dreamlit._low_mark(text) is
  'Returns where a scan of this session may start (a message''s id, or microseconds of the epoch); null for the beginning.';
