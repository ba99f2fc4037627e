-- 20 ms while there is traffic, 100 ms after some ten idle seconds, 250 ms after twenty more. Of several workers that have nothing
-- to do one looks that often; the others stand by, for as long as that one shows itself: one that is held up by a long query does
-- not.
create or replace function dreamlit._nap(p_worker text, p_idle integer) returns double precision
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  return case
    when exists (
      select from dreamlit._workers as w join dreamlit._workers as own on own.worker = p_worker
      where w.worker like 'work:%' and (w.started_at, w.worker) < (own.started_at, own.worker)
        and abs(extract(epoch from clock_timestamp() - w.last_tick_at)) < 2) then 0.5
    when p_idle < 500 then 0.02
    when p_idle < 700 then 0.1
    else 0.25
  end;
end;
$$;
comment on function dreamlit._nap(text, integer) is
  'Returns how many seconds a worker that found nothing to do p_idle times running sleeps before it looks again.';
grant execute on function dreamlit._nap(text, integer) to dreamlit_admin;
