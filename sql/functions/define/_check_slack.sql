create or replace function dreamlit._check_slack(p_place text, p_slack jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if jsonb_typeof(p_slack) <> 'object' then
    return next (p_place, 'slack is no mapping', 'write slack: {channel: "#signups", text: …}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_slack, array['channel', 'to', 'text', 'blocks', 'thread', 'broadcast', 'locale']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_slack, array['channel', 'to', 'text', 'thread', 'locale']) as f;
  if not p_slack ? 'text' and coalesce(p_slack -> 'blocks', '[]') = '[]' then
    return next (p_place, 'the Slack message is empty', 'add text, blocks or both')::dreamlit._fault;
  end if;
  if p_slack ?& array['channel', 'to'] then
    return next (p_place || '.to', 'the message has a channel and a person', 'keep channel or to')::dreamlit._fault;
  elsif p_slack ? 'thread' and p_slack ?| array['channel', 'to'] then
    return next (p_place || '.thread', 'the reply names a place of its own', 'leave out channel and to: it goes where the message went')::dreamlit._fault;
  end if;
  if p_slack ? 'broadcast' and jsonb_typeof(p_slack -> 'broadcast') <> 'boolean' then
    return next (p_place || '.broadcast', format('broadcast is %s', p_slack -> 'broadcast'), 'write true or false')::dreamlit._fault;
  elsif p_slack ? 'broadcast' and not p_slack ? 'thread' then
    return next (p_place || '.broadcast', 'broadcast stands without thread', 'only a reply can be shown in its channel too')::dreamlit._fault;
  end if;
  if p_slack ? 'text' then
    return query select f.* from dreamlit._check_block_string(p_place || '.text', p_slack -> 'text', 40000) as f where p_slack -> 'text' <> '""';
  end if;
  if p_slack ? 'blocks' then
    return query select f.* from dreamlit._check_blocks(p_place || '.blocks', p_slack -> 'blocks') as f;
  end if;
end;
$$;
comment on function dreamlit._check_slack(text, jsonb) is 'Returns the faults of a Slack message''s keys.';
grant execute on function dreamlit._check_slack(text, jsonb) to dreamlit_admin;
