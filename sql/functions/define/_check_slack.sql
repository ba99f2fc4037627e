create or replace function dreamlit._check_slack(p_place text, p_slack jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_slack) <> 'object' then
    return next (p_place, 'slack is no mapping', 'write slack: {channel: "#signups", text: …}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_slack, array['channel', 'text', 'blocks']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_slack, array['channel', 'text']) as f;
  if not p_slack ? 'text' and coalesce(p_slack -> 'blocks', '[]') = '[]' then
    return next (p_place, 'the Slack message is empty', 'add text, blocks or both')::dreamlit._fault;
  end if;
  -- Slack takes at most 50 blocks a message (its documentation of chat.postMessage).
  if p_slack ? 'blocks' and (jsonb_typeof(p_slack -> 'blocks') <> 'array' or jsonb_array_length(dreamlit._as_list(p_slack -> 'blocks')) > 50) then
    return next (p_place || '.blocks', 'blocks is no list of at most 50 blocks', 'write blocks: [{type: section, …}]')::dreamlit._fault;
  end if;
end;
$$;
comment on function dreamlit._check_slack(text, jsonb) is 'Returns the faults of a Slack message''s keys.';
grant execute on function dreamlit._check_slack(text, jsonb) to dreamlit_admin;
