create or replace function dreamlit._check_block_text(p_place text, p_value jsonb, p_most integer, p_types text[]) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_value) <> 'object' then
    return next (p_place, 'it is no text object', format('write {type: %s, text: …}', p_types[cardinality(p_types)]))::dreamlit._fault;
    return;
  end if;
  if coalesce(p_value ->> 'type', '') <> all (p_types) then
    return next (p_place || '.type', format('%s is no type of text here', coalesce(p_value -> 'type', '"nothing"')),
      format('use %s', array_to_string(p_types, ' or ')))::dreamlit._fault;
  elsif not p_value ? 'text' then
    return next (p_place || '.text', 'text is missing', 'add text')::dreamlit._fault;
  else
    return query select f.* from dreamlit._check_block_string(p_place || '.text', p_value -> 'text', p_most) as f;
  end if;
end;
$$;
comment on function dreamlit._check_block_text(text, jsonb, integer, text[]) is 'Returns the faults of a text object of one of the types.';
grant execute on function dreamlit._check_block_text(text, jsonb, integer, text[]) to dreamlit_admin;
