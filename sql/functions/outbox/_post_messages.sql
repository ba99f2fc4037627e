-- From rendered contents to messages: a message for each recipient; cc and bcc go with the first. The queue's msg_id is the
-- message's id, so one number finds it everywhere. In the sandbox they are held instead of queued. All but the queue's
-- name is static, so the plan of it is kept for the session.
create or replace function dreamlit._post_messages(p_step dreamlit._steps, p_task_ids bigint[], p_rendered jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_failed bigint[];
  v_errors jsonb[];
  v_workflow dreamlit._workflows;
  v_marks constant jsonb := dreamlit._content_marks(p_step);
  v_now constant timestamptz := dreamlit._now();
  v_queued bigint[];
begin
  if dreamlit._threads(p_step) then
    p_rendered := dreamlit._thread_messages(p_step, p_task_ids, p_rendered);
  end if;
  if jsonb_path_exists(p_rendered, '$[*].error') then
    select array_agg(u.task_id), array_agg((r.value -> 'error') || jsonb_build_object('step', p_step.name)) into v_failed, v_errors
    from unnest(p_task_ids) with ordinality as u(task_id, n)
    join jsonb_array_elements(p_rendered) with ordinality as r(value, n) on r.n = u.n
    where r.value ? 'error';
    perform dreamlit._settle(v_failed, 'failed', v_errors);
  end if;

  select w.* into v_workflow
  from dreamlit._versions as v join dreamlit._workflows as w on w.workflow_id = v.workflow_id where v.version_id = p_step.version_id;
  with rendered as (
    select t.task_id, t.run_id, case when v_marks is null then r.value -> 'content' else (r.value -> 'content') || v_marks end as content,
      -- One recipient, as almost always: the content is complete as it is.
      case when p_step.kind = 'email' and v_workflow.redirect is null and jsonb_array_length(r.value -> 'content' -> 'to') = 1
        then r.value #>> '{content,to,0}' end as recipient
    from unnest(p_task_ids) with ordinality as u(task_id, n)
    join jsonb_array_elements(p_rendered) with ordinality as r(value, n) on r.n = u.n
    join dreamlit._tasks as t on t.task_id = u.task_id
    where r.value ? 'content' and t.task_id = any (p_task_ids)
  ), posted as (
    insert into dreamlit._messages (created_at, workflow_id, step_id, run_id, task_id, channel, lane, recipient, content, state)
    select v_now, v_workflow.workflow_id, p_step.step_id, r.run_id, r.task_id, p_step.kind, p_step.settings ->> 'lane',
      coalesce(r.recipient, v_workflow.redirect ->> p_step.kind, a.recipient),
      case when r.recipient is null then dreamlit._redirect(p_step.kind, a.content, v_workflow.redirect) else r.content end,
      case when v_workflow.sandbox then 'held' else 'queued' end
    from rendered as r
    left join lateral (  -- not asked where the recipient is known
      select d.recipient, d.content from dreamlit._address(p_step.kind, r.content) as d where r.recipient is null offset 0) as a on true
    where r.recipient is not null or a.content is not null
    returning message_id, task_id
  ), counted as (
    update dreamlit._tasks as t set state = 'sending', due_at = null, open_messages = p.messages, failed_messages = 0
    from (select o.task_id, count(*) as messages from posted as o group by o.task_id) as p
    where t.task_id = any (p_task_ids) and t.task_id = p.task_id
  ), held as (
    insert into dreamlit._held_messages (message_id, created_at, workflow_id, held_at, reason)
    select p.message_id, v_now, v_workflow.workflow_id, v_now, 'sandbox' from posted as p where v_workflow.sandbox
  )
  select array_agg(p.message_id) into v_queued from posted as p where not v_workflow.sandbox;
  execute format('insert into pgmq.%I (msg_id, vt, message) overriding system value select m.message_id, $2, $3 from unnest($1) as m(message_id)',
    'q_' || dreamlit._outbox_queue(p_step.kind, p_step.settings ->> 'lane'))
  using v_queued, v_now, jsonb_build_object('created_at', v_now, 'workflow_id', v_workflow.workflow_id);
  perform pg_notify('dreamlit_outbox', p_step.kind);
end;
$$;
comment on function dreamlit._post_messages(dreamlit._steps, bigint[], jsonb) is
  'Makes messages of rendered contents ({"content"} or {"error"}, in the order of p_task_ids) and queues them in the step''s '
  'lane, or holds them if the workflow is in the sandbox; a task whose rendering failed is failed, for the same text fails again.';
