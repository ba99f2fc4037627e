create or replace function dreamlit._release_messages(p_message_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_held dreamlit._held_messages[] := array(select h from dreamlit._take_held(p_message_ids) as h);
begin
  perform dreamlit._queue_again(array_agg(h.message_id), array_agg(h.created_at), true, array_agg(h.claims)) from unnest(v_held) as h;
  perform dreamlit._audit('release', h.workflow_id, null, h.message_id, jsonb_build_object('reason', h.reason)) from unnest(v_held) as h;
end;
$$;
comment on function dreamlit._release_messages(bigint[]) is 'Queues held messages and logs who said so.';
