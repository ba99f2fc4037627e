create or replace function dreamlit.set_setting(name text, value jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_hint text;
begin
  if $1 not in (select d.name from dreamlit._setting_defaults() as d) then
    raise exception using errcode = 'DL002', message = format('there is no setting %s', $1),
      hint = dreamlit._did_you_mean($1, array(select d.name from dreamlit._setting_defaults() as d));
  end if;
  v_hint := dreamlit._setting_fault($1, $2);
  if v_hint is not null then
    raise exception using errcode = 'DL001', message = format('%s is %s', $1, $2), hint = v_hint;
  end if;
  insert into dreamlit._settings as s (name, value) values ($1, $2)
  on conflict on constraint _settings_pkey do update set value = excluded.value, changed_at = now();
  perform dreamlit._audit('set setting', p_detail => jsonb_build_object('name', $1));
  return $2;
end;
$$;
comment on function dreamlit.set_setting(text, jsonb) is
  'Sets a setting of this installation and returns its value. Raises DL002 for an unknown name, DL001 for a '
  'wrong value.';
grant execute on function dreamlit.set_setting(text, jsonb) to dreamlit_admin;
