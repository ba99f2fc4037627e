create or replace function dreamlit._report_renderings(p_results dreamlit._result[]) returns table (message_id bigint, state text)
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
declare
  v_tasks constant bigint[] := array(select r.task_id from unnest(p_results) as r);
  v_step dreamlit._steps;
  v_task_ids bigint[];
  v_rendered jsonb;
begin
  if cardinality(p_results) = 0 then
    return;
  end if;
  perform dreamlit._requeue('dreamlit_render', array_agg(r.message_id), array_agg(dreamlit._now() + case when r.outcome = 'failed' then interval '30 seconds' else interval '0' end))
  from unnest(p_results) as r
  where r.verdict <> 'stale' and (r.outcome = 'released' or (r.outcome = 'failed' and r.fault <> 'recipient'));
  perform dreamlit._dequeue('dreamlit_render', array_agg(r.message_id))
  from unnest(p_results) as r
  where r.verdict <> 'stale' and (r.outcome = 'rendered' or (r.outcome = 'failed' and r.fault = 'recipient'));

  perform t.task_id from dreamlit._tasks as t
  where t.task_id = any (array(select r.task_id from unnest(p_results) as r where r.verdict <> 'stale')) order by t.task_id for update;
  perform dreamlit._lock_runs(array(select r.task_id from unnest(p_results) as r where r.verdict <> 'stale' and r.outcome = 'failed' and r.fault = 'recipient'));
  for v_step in
    select s.* from dreamlit._steps as s where s.step_id in (
      select t.step_id from dreamlit._tasks as t where t.task_id = any (v_tasks))
    order by s.step_id
  loop
    select array_agg(r.task_id order by r.task_id), jsonb_agg(case r.outcome
        when 'rendered' then jsonb_build_object('content', r.content)
        else jsonb_build_object('error', jsonb_strip_nulls(jsonb_build_object('code', r.code, 'message', r.error))) end order by r.task_id)
    into v_task_ids, v_rendered
    from unnest(p_results) as r join dreamlit._tasks as t on t.task_id = r.task_id
    where t.task_id = any (v_tasks) and t.step_id = v_step.step_id and t.state = 'rendering' and r.verdict <> 'stale'
      and (r.outcome = 'rendered' or (r.outcome = 'failed' and r.fault = 'recipient'));
    if v_task_ids is not null then
      perform dreamlit._post_messages(v_step, v_task_ids, v_rendered);
    end if;
  end loop;
  return query
    select r.message_id, case when r.verdict = 'stale' then 'lost' when r.outcome = 'started' then 'sending' when r.outcome = 'rendered' then 'rendered'
      when r.outcome = 'failed' and r.fault = 'recipient' then 'failed' else 'queued' end
    from unnest(p_results) as r;
end;
$$;
comment on function dreamlit._report_renderings(dreamlit._result[]) is
  'Posts what a sender rendered; a task whose template failed is failed, anything else is rendered again.';
