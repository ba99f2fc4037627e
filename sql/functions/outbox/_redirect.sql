-- The address a message was meant for stays readable in a header; cc and bcc go, for they are people too. A reply to a message
-- that went elsewhere has no thread there.
create or replace function dreamlit._redirect(p_channel text, p_content jsonb, p_redirect jsonb) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case
    when not coalesce(p_redirect ? p_channel, false) then p_content
    when p_channel = 'slack' then (case when p_content -> 'channel' = p_redirect -> 'slack' then p_content else p_content - 'thread_ts' - 'broadcast' end)
      - 'to' || jsonb_build_object('channel', p_redirect -> 'slack')
    else p_content || jsonb_build_object(
      'to', jsonb_build_array(p_redirect -> 'email'), 'cc', '[]'::jsonb, 'bcc', '[]'::jsonb,
      'headers', coalesce(nullif(p_content -> 'headers', 'null'), '{}') || jsonb_build_object('X-Original-To', p_content #>> '{to,0}')) end;
$$;
comment on function dreamlit._redirect(text, jsonb, jsonb) is
  'Returns a message''s content with its recipient replaced as the workflow''s redirect says, if it says anything for the channel.';
