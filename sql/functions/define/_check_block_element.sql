create or replace function dreamlit._check_block_element(p_place text, p_element jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_blocks constant text[] := array['section', 'header', 'context', 'actions', 'input', 'markdown', 'video', 'file', 'rich_text', 'table', 'divider'];
  c_types constant text[] := array(
    select l.type from dreamlit._block_limits() as l where l.type <> all (c_blocks) group by l.type order by l.type)
    || array['rich_text_input', 'file_input', 'feedback_buttons', 'icon_button'];
begin
  if jsonb_typeof(p_element) <> 'object' then
    return next (p_place, 'the element is no mapping', 'write {type: button, text: …, url: …}')::dreamlit._fault;
  elsif coalesce(p_element ->> 'type', '') <> all (c_types) then
    return next (p_place || '.type', format('%s is no element', coalesce(p_element -> 'type', '"nothing"')),
      dreamlit._did_you_mean(coalesce(p_element ->> 'type', ''), c_types))::dreamlit._fault;
  else
    return query select f.* from dreamlit._check_block_object(p_place, p_element) as f;
  end if;
end;
$$;
comment on function dreamlit._check_block_element(text, jsonb) is 'Returns the faults of an element of a block.';
grant execute on function dreamlit._check_block_element(text, jsonb) to dreamlit_admin;
