-- Calls itself for what stands inside; a definition is at most 50 levels deep.
create or replace function dreamlit._check_block_object(p_place text, p_object jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_type constant text := p_object ->> 'type';
  v_limit record;
  v_value jsonb;
  v_place text;
begin
  for v_limit in
    select l.* from dreamlit._block_limits() as l where l.type = v_type and l.key is not null
    union all
    select v_type, k.key, 'string', 255, false from unnest(array['block_id', 'action_id']) as k(key)
  loop
    v_value := nullif(p_object -> v_limit.key, 'null');
    v_place := p_place || '.' || v_limit.key;
    if v_value is null then
      if v_limit.required then
        return next (v_place, format('%s is missing', v_limit.key), format('Slack wants it in each %s: add %s', v_type, v_limit.key))::dreamlit._fault;
      end if;
    else
      case v_limit.kind
        when 'string' then return query select f.* from dreamlit._check_block_string(v_place, v_value, v_limit.most) as f;
        when 'text' then return query select f.* from dreamlit._check_block_text(v_place, v_value, v_limit.most, array['plain_text', 'mrkdwn']) as f;
        when 'plain' then return query select f.* from dreamlit._check_block_text(v_place, v_value, v_limit.most, array['plain_text']) as f;
        when 'element' then return query select f.* from dreamlit._check_block_element(v_place, v_value) as f;
        else return query select f.* from dreamlit._check_block_list(v_place, v_value, v_limit.kind, v_limit.most) as f;
      end case;
    end if;
  end loop;
  if v_type = 'section' and not p_object ?| array['text', 'fields'] then
    return next (p_place, 'the section has neither text nor fields', 'add text: {type: mrkdwn, text: …}')::dreamlit._fault;
  elsif v_type = 'image' and (p_object ? 'image_url') = (p_object ? 'slack_file') then
    return next (p_place, 'the image has not exactly one of image_url and slack_file', 'give it an image_url: https://…')::dreamlit._fault;
  elsif v_type = 'button' and p_object ? 'style' and p_object ->> 'style' not in ('primary', 'danger') and p_object ->> 'style' !~ '\{[{%#]' then
    return next (p_place || '.style', format('%s is no style of a button', p_object -> 'style'), 'use primary or danger, or leave it out')::dreamlit._fault;
  end if;
end;
$$;
comment on function dreamlit._check_block_object(text, jsonb) is 'Returns the faults of one block or element, whose type is known, and of all in it.';
grant execute on function dreamlit._check_block_object(text, jsonb) to dreamlit_admin;
