-- The row is read with the caller's own rights, so that a preview shows nobody a row that he may not read.
create or replace function dreamlit._preview_event(p_name text, p_row text, p_payload jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_source constant jsonb := dreamlit._preview_source(p_name);
  v_table constant regclass := (v_source ->> 'table')::regclass;
  v_key constant text[] := array(select jsonb_array_elements_text(case when v_table is null then '[]' else v_source -> 'key' end));
  v_row jsonb := jsonb '{}';
  v_event jsonb;
begin
  if p_payload is not null then
    return jsonb_build_object('trigger', p_payload, 'old', case when jsonb_typeof(v_source -> 'old') = 'object' then p_payload else 'null' end);
  elsif v_table is null then
    raise exception using errcode = 'DL001', message = format('workflow %s is started by a call, not by a row', p_name),
      hint = 'give the fields: --payload ''{"email": "a@example.com"}''';
  elsif p_row is not null and v_key = '{}' then
    raise exception using errcode = 'DL001', message = format('%s has no primary key to find a row by', v_table), hint = 'leave the row out: any is taken';
  elsif cardinality(v_key) = 1 then
    v_row := jsonb_build_object(v_key[1], p_row);
  elsif p_row is not null then
    begin
      v_row := p_row::jsonb;
    exception when data_exception then
      v_row := 'null';
    end;
    if jsonb_typeof(v_row) <> 'object' or not v_row ?& v_key then
      raise exception using errcode = 'DL001', message = format('%s is no primary key of %s', p_row, v_table),
        hint = format('write a JSON object with %s', array_to_string(v_key, ', '));
    end if;
  end if;
  begin
    execute format('select jsonb_build_object(''trigger'', %s, ''old'', %s) from %s as "dreamlit row" where %s %s limit 1',
      (select coalesce(string_agg(format('jsonb_build_object(%L, "dreamlit row".%I)', c.key, c.value), ' || '), '''{}''::jsonb') from jsonb_each_text(v_source -> 'trigger') as c),
      case when jsonb_typeof(v_source -> 'old') = 'object'
        then (select string_agg(format('jsonb_build_object(%L, "dreamlit row".%I)', c.key, c.value), ' || ') from jsonb_each_text(v_source -> 'old') as c)
        else 'null' end,
      v_table,
      (select coalesce(string_agg(format('"dreamlit row".%I = %L', k.name, v_row ->> k.name), ' and ') filter (where p_row is not null), 'true') from unnest(v_key) as k(name)),
      (select 'order by ' || string_agg(format('"dreamlit row".%I desc', k.name), ', ' order by k.n) from unnest(v_key) with ordinality as k(name, n)))
    into v_event;
  exception when data_exception then
    raise exception using errcode = 'DL001', message = format('%s is no primary key of %s: %s', p_row, v_table, sqlerrm),
      hint = format('give the value of %s', array_to_string(v_key, ', '));
  end;
  if v_event is null then
    raise exception using errcode = 'DL002',
      message = case when p_row is null then format('%s has no row to show', v_table) else format('%s has no row %s', v_table, p_row) end,
      hint = case when p_row is null then 'put one in, or give --payload' else 'give the primary key of another row' end;
  end if;
  return v_event;
end;
$$;
comment on function dreamlit._preview_event(text, text, jsonb) is
  'Returns {"trigger", "old"} for a preview: of the row with that primary key, of the newest one, or of a payload given by hand. Raises DL001 '
  'or DL002; the caller needs SELECT on the captured columns.';
grant execute on function dreamlit._preview_event(text, text, jsonb) to dreamlit_admin;
