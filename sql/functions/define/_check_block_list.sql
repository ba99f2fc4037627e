create or replace function dreamlit._check_block_list(p_place text, p_list jsonb, p_kind text, p_most integer) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_entry record;
begin
  if jsonb_typeof(p_list) <> 'array' or p_list = '[]' then
    return next (p_place, 'it is no list with an entry', 'write a list')::dreamlit._fault;
    return;
  elsif jsonb_array_length(p_list) > p_most then
    return next (p_place, format('it has %s entries', jsonb_array_length(p_list)), format('Slack takes at most %s: write fewer', p_most))::dreamlit._fault;
  end if;
  for v_entry in
    select format('%s[%s]', p_place, e.n - 1) as place, e.entry from jsonb_array_elements(p_list) with ordinality as e(entry, n)
  loop
    case
      when p_kind = 'texts' then
        return query select f.* from dreamlit._check_block_text(v_entry.place, v_entry.entry, 2000, array['plain_text', 'mrkdwn']) as f;
      when p_kind = 'context' and v_entry.entry ->> 'type' = 'image' then
        return query select f.* from dreamlit._check_block_object(v_entry.place, v_entry.entry) as f;
      when p_kind = 'context' then
        return query select f.* from dreamlit._check_block_text(v_entry.place, v_entry.entry, 3000, array['image', 'plain_text', 'mrkdwn']) as f;
      when p_kind = 'elements' then
        return query select f.* from dreamlit._check_block_element(v_entry.place, v_entry.entry) as f;
      when p_kind = 'options' and jsonb_typeof(v_entry.entry) <> 'object' then
        return next (v_entry.place, 'the option is no mapping', 'write {text: {type: plain_text, text: …}, value: …}')::dreamlit._fault;
      when p_kind = 'options' then
        return query
          select f.* from dreamlit._check_block_text(v_entry.place || '.text', coalesce(v_entry.entry -> 'text', 'null'), 75, array['plain_text', 'mrkdwn']) as f
          union all
          select f.* from dreamlit._check_block_string(v_entry.place || '.value', coalesce(v_entry.entry -> 'value', 'null'), 150) as f;
      else null;
    end case;
  end loop;
  return query
    select p_place, format('the action_id %s is used %s times', i.id, count(*)), 'give each element of a block an id of its own'
    from (select e ->> 'action_id' as id from jsonb_array_elements(p_list) as e where jsonb_typeof(e) = 'object') as i
    where i.id is not null and i.id !~ '\{[{%#]' group by i.id having count(*) > 1;
end;
$$;
comment on function dreamlit._check_block_list(text, jsonb, text, integer) is
  'Returns the faults of a list in a block: texts, context, elements, options, or entries that only Slack looks into.';
grant execute on function dreamlit._check_block_list(text, jsonb, text, integer) to dreamlit_admin;
