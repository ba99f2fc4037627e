create or replace function dreamlit.set_setting(name text, value jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if $1 not in (select d.name from dreamlit._setting_defaults() as d) then
    raise exception using errcode = 'DL002', message = format('there is no setting %s', $1),
      hint = dreamlit._did_you_mean($1, array(select d.name from dreamlit._setting_defaults() as d));
  end if;
  if $1 in ('lease', 'keep_history', 'keep_failed_versions') then
    perform ($2 #>> '{}')::interval;
  elsif $1 = 'batch' and (jsonb_typeof($2) <> 'number' or ($2 #>> '{}')::numeric not between 1 and 100000) then
    raise exception using errcode = 'DL001', message = format('batch is %s', $2), hint = 'write a whole number from 1 to 100000';
  elsif $1 = 'renderer' and ($2 not in ('"database"', '"sender"')
    or ($2 = '"database"' and to_regprocedure('dreamlit._run_python(text, jsonb)') is null)) then
    raise exception using errcode = 'DL001', message = format('renderer is %s', $2),
      hint = 'use "sender", or "database" where plpython3u was there at installation';
  end if;
  insert into dreamlit._settings as s (name, value) values ($1, $2)
  on conflict on constraint _settings_pkey do update set value = excluded.value, changed_at = now();
  return $2;
end;
$$;
comment on function dreamlit.set_setting(text, jsonb) is
  'Sets a setting of this installation and returns its value. Raises DL002 for an unknown name, DL001 or a data exception for a '
  'wrong value.';
grant execute on function dreamlit.set_setting(text, jsonb) to dreamlit_admin;
