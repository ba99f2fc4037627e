create or replace function dreamlit._check_release(p_release text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_breaking text;
begin
  select r.release into v_breaking from dreamlit._releases as r
  where r.breaking and string_to_array(r.release, '.')::integer[] > string_to_array(substring(p_release, '^\d+(?:\.\d+)*'), '.')::integer[]
  order by string_to_array(r.release, '.')::integer[] desc limit 1;
  if found then
    raise exception using errcode = 'DL005',
      message = format('a sender of release %s may not work for this database: release %s broke with it', p_release, v_breaking),
      hint = format('install dreamlit-pg %s or later where the sender runs, and start it again', v_breaking);
  end if;
end;
$$;
comment on function dreamlit._check_release(text) is
  'Raises DL005 for a sender whose release is older than a breaking release of this database.';
