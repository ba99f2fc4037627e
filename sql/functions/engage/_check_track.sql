create or replace function dreamlit._check_track(p_place text, p_track jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_track) <> 'object' then
    return next (p_place, 'track is no mapping', 'write track: {opens: true, clicks: false}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_track, array['opens', 'clicks']) as f;
  return query
    select p_place || '.' || t.key, format('%s is %s', t.key, t.value), 'write true or false'
    from jsonb_each(p_track) as t where t.key in ('opens', 'clicks') and jsonb_typeof(t.value) <> 'boolean';
end;
$$;
comment on function dreamlit._check_track(text, jsonb) is 'Returns the faults of an email''s key track.';
grant execute on function dreamlit._check_track(text, jsonb) to dreamlit_admin;
