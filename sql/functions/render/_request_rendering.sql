create or replace function dreamlit._request_rendering(p_task_ids bigint[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
  with asked as (
    update dreamlit._tasks as t set state = 'rendering', due_at = null where t.task_id = any (p_task_ids)
    returning t.task_id, t.step_id
  )
  insert into pgmq.q_dreamlit_render (msg_id, vt, message) overriding system value
  select nextval('dreamlit._message_id_seq'), dreamlit._now(), jsonb_build_object('workflow_id', v.workflow_id, 'task_id', a.task_id)
  from asked as a
  join dreamlit._steps as s on s.step_id = a.step_id
  join dreamlit._versions as v on v.version_id = s.version_id;
  perform pg_notify('dreamlit_outbox', 'render');
end;
$$;
comment on function dreamlit._request_rendering(bigint[]) is
  'Puts tasks into the render queue: senders render where the server cannot.';
