create or replace function dreamlit._check_blocks(p_place text, p_blocks jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_types constant text[] := array['actions', 'context', 'divider', 'file', 'header', 'image', 'input', 'markdown', 'rich_text', 'section', 'table', 'video',
    'call', 'card', 'carousel', 'alert', 'context_actions', 'plan', 'task_card'];
  v_block record;
begin
  if jsonb_typeof(p_blocks) <> 'array' then
    return next (p_place, 'blocks is no list', 'write blocks: [{type: section, …}]')::dreamlit._fault;
    return;
  end if;
  if jsonb_array_length(p_blocks) > 50 then
    return next (p_place, format('the message has %s blocks', jsonb_array_length(p_blocks)), 'Slack takes 50 a message: write fewer')::dreamlit._fault;
  end if;
  for v_block in
    select format('%s[%s]', p_place, b.n - 1) as place, b.block
    from jsonb_array_elements(p_blocks) with ordinality as b(block, n)
  loop
    if jsonb_typeof(v_block.block) <> 'object' then
      return next (v_block.place, 'the block is no mapping', 'write {type: section, text: {type: mrkdwn, text: …}}')::dreamlit._fault;
    elsif coalesce(v_block.block ->> 'type', '') <> all (c_types) then
      return next (v_block.place || '.type', format('%s is no block of a message', coalesce(v_block.block -> 'type', '"nothing"')),
        dreamlit._did_you_mean(coalesce(v_block.block ->> 'type', ''), c_types))::dreamlit._fault;
    else
      return query select f.* from dreamlit._check_block_object(v_block.place, v_block.block) as f;
    end if;
  end loop;
  return query
    select p_place, format('the block_id %s is used %s times', i.id, count(*)), 'give each block an id of its own, or none'
    from (select b ->> 'block_id' as id from jsonb_array_elements(p_blocks) as b where jsonb_typeof(b) = 'object') as i
    where i.id is not null and i.id !~ '\{[{%#]' group by i.id having count(*) > 1;
end;
$$;
comment on function dreamlit._check_blocks(text, jsonb) is
  'Returns the faults of a Slack message''s blocks: their shape, and the lengths of texts that no template makes.';
grant execute on function dreamlit._check_blocks(text, jsonb) to dreamlit_admin;
