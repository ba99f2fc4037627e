-- From rendered contents to messages: a message for each recipient; cc and bcc go with the first. The queue's msg_id is the
-- message's id, so one number finds it everywhere. In the sandbox they are held instead of queued.
create or replace function dreamlit._post_messages(p_step dreamlit._steps, p_task_ids bigint[], p_rendered jsonb) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_failed bigint[];
  v_errors jsonb[];
  v_workflow dreamlit._workflows;
  v_marks constant jsonb := dreamlit._content_marks(p_step);
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
  execute format($sql$
    with rendered as (
      select t.task_id, t.run_id, case when $10 is null then r.value -> 'content' else (r.value -> 'content') || $10 end as content,
        -- One recipient, as almost always: the content is complete as it is.
        case when $5 = 'email' and $8 is null and jsonb_array_length(r.value -> 'content' -> 'to') = 1 then r.value #>> '{content,to,0}' end as recipient
      from unnest($1) with ordinality as u(task_id, n)
      join jsonb_array_elements($2) with ordinality as r(value, n) on r.n = u.n
      join dreamlit._tasks as t on t.task_id = u.task_id
      where r.value ? 'content'
    ), posted as (
      insert into dreamlit._messages (created_at, workflow_id, step_id, run_id, task_id, channel, lane, recipient, content, state)
      select $3, $7, $4, r.run_id, r.task_id, $5, $6, coalesce(r.recipient, $8 ->> $5, a.recipient),
        case when r.recipient is null then dreamlit._redirect($5, a.content, $8) else r.content end, case when $9 then 'held' else 'queued' end
      from rendered as r
      left join lateral (select d.recipient, d.content from dreamlit._address($5, r.content) as d where r.recipient is null offset 0) as a on true  -- not asked otherwise
      where r.recipient is not null or a.content is not null
      returning message_id, task_id
    ), counted as (
      update dreamlit._tasks as t set state = 'sending', due_at = null, open_messages = p.messages, failed_messages = 0
      from (select o.task_id, count(*) as messages from posted as o group by o.task_id) as p
      where t.task_id = p.task_id
    ), held as (
      insert into dreamlit._held_messages (message_id, created_at, workflow_id, held_at, reason)
      select p.message_id, $3, $7, $3, 'sandbox' from posted as p where $9
    )
    insert into pgmq.%I (msg_id, vt, message) overriding system value
    select p.message_id, $3, jsonb_build_object('created_at', $3, 'workflow_id', $7)
    from posted as p where not $9 $sql$, 'q_' || dreamlit._outbox_queue(p_step.kind, p_step.settings ->> 'lane'))
  using p_task_ids, p_rendered, dreamlit._now(), p_step.step_id, p_step.kind, p_step.settings ->> 'lane',
    v_workflow.workflow_id, v_workflow.redirect, v_workflow.sandbox, v_marks;
  perform pg_notify('dreamlit_outbox', p_step.kind);
end;
$$;
comment on function dreamlit._post_messages(dreamlit._steps, bigint[], jsonb) is
  'Makes messages of rendered contents ({"content"} or {"error"}, in the order of p_task_ids) and queues them in the step''s '
  'lane, or holds them if the workflow is in the sandbox; a task whose rendering failed is failed, for the same text fails again.';
