-- The release's row comes before anything else is made, so that a second installation waiting behind this one sees it.
do $release$
declare
  v_newest text := (select r.release from dreamlit._releases as r order by string_to_array(r.release, '.')::integer[] desc limit 1);
begin
  if string_to_array(v_newest, '.')::integer[] > string_to_array('@@release@@', '.')::integer[] then
    raise exception using errcode = 'DL005',
      message = format('this database has release %s, which is newer than %s', v_newest, '@@release@@'),
      hint = 'install with the newer package';
  end if;
  insert into dreamlit._releases (release, made) values ('@@release@@', string_to_array(nullif(current_setting('dreamlit.made', true), ''), ','))
  on conflict (release) do nothing;
end;
$release$;
