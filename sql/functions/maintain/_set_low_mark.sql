create or replace function dreamlit._set_low_mark(p_scan text, p_from bigint, p_to bigint, p_drained boolean, p_began_at timestamptz) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_mark text[] := coalesce(
    string_to_array(nullif(current_setting('dreamlit.mark_' || p_scan, true), ''), '|'), array['', '', v_now::text, '-infinity', '-infinity']);
begin
  if p_from is null then
    v_mark[4] := v_now + greatest(interval '1 second', 50 * (v_now - p_began_at));
    if not p_drained and p_to < nullif(v_mark[2], '')::bigint then
      v_mark[1] := '';  -- there is more below than we knew of
      v_mark[3] := v_now;
    end if;
  end if;
  if v_mark[3]::timestamptz < v_now - interval '2 seconds' then
    v_mark[1] := v_mark[2];
    v_mark[3] := v_now;
  end if;
  v_mark[2] := coalesce(p_to::text, v_mark[2]);
  v_mark[5] := dreamlit._now();
  perform set_config('dreamlit.mark_' || p_scan, array_to_string(v_mark, '|'), false);
end;
$$;
comment on function dreamlit._set_low_mark(text, bigint, bigint, boolean, timestamptz) is
  'Remembers for this session that a scan, which began at p_began_at and started from p_from (null for the beginning), took '
  'everything before p_to; drained if nothing was left.';
