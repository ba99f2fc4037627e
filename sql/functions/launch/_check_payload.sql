create or replace function dreamlit._check_payload(p_workflow text, p_version dreamlit._versions, p_payload jsonb) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_fields constant text[] := array(
    select a.attname::text from pg_attribute as a
    where a.attrelid = to_regclass(dreamlit._object_name(p_workflow, p_version.version, 'trigger')) and a.attnum > 0 and not a.attisdropped);
  v_unknown text;
  v_trigger jsonb;
  v_key text;
  v_event jsonb;
begin
  if jsonb_typeof(p_payload) is distinct from 'object' then
    raise exception using errcode = 'DL001', message = 'the payload is no JSON object', hint = 'write {"email": "a@example.com"}';
  end if;
  select f.key into v_unknown from jsonb_object_keys(p_payload) as f(key) where f.key <> all (v_fields) order by f.key limit 1;
  if v_unknown is not null then
    raise exception using errcode = 'DL001', message = format('workflow %s reads no field %s', p_workflow, v_unknown),
      hint = dreamlit._did_you_mean(v_unknown, v_fields);
  end if;
  begin
    execute format('select %s($1)', dreamlit._compiled(
      dreamlit._object_name(p_workflow, p_version.version, 'payload'), p_version.publisher, '(jsonb)')) into v_trigger using p_payload;
    perform dreamlit._check_path();
    v_event := jsonb_build_object('trigger', v_trigger);
    if p_version.definition -> 'trigger' ? 'key' then
      execute format('select result from %s(array[0::bigint], array[$1])', dreamlit._compiled(
        dreamlit._object_name(p_workflow, p_version.version, 'key_items'), p_version.publisher))
      into v_key using v_event || jsonb_build_object('new', v_trigger);
      perform dreamlit._check_path();
      v_event := v_event || jsonb_build_object('key', v_key);
    end if;
  exception when data_exception then
    raise exception using errcode = 'DL001', message = format('the payload does not fit workflow %s: %s', p_workflow, sqlerrm),
      hint = 'give each field a value of its column''s type';
  end;
  return v_event;
end;
$$;
comment on function dreamlit._check_payload(text, dreamlit._versions, jsonb) is
  'Returns the event of a payload given by hand; raises DL001 for unknown fields and wrong values.';
