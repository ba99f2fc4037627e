create or replace function dreamlit._check_choices(p_choices jsonb) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_wrong record;
begin
  if jsonb_typeof(p_choices) is distinct from 'object' then
    raise exception using errcode = 'DL001', message = 'the choices are no JSON object', hint = 'write {"news": false, "*": true}';
  end if;
  select c.key, c.value into v_wrong from jsonb_each(p_choices) as c where jsonb_typeof(c.value) <> 'boolean' limit 1;
  if found then
    raise exception using errcode = 'DL001', message = format('the choice for %s is %s', v_wrong.key, v_wrong.value), hint = 'use true or false';
  end if;
  perform dreamlit._check_topic(c.key) from jsonb_object_keys(p_choices) as c(key) where c.key <> '*';
end;
$$;
comment on function dreamlit._check_choices(jsonb) is 'Raises DL001 for choices that are not true or false, DL002 for unknown topics.';
