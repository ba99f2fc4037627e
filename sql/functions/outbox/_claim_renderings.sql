create or replace function dreamlit._claim_renderings(p_quantity integer, p_lease interval, p_sender text)
returns table (message_id bigint, attempt integer, content jsonb, templates jsonb, lease_until timestamptz)
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_leased constant dreamlit._claimed[] := dreamlit._lease('dreamlit_render', p_quantity, p_lease, p_sender);
begin
  if v_leased is null then
    return;
  end if;
  -- Their runs were cancelled meanwhile.
  perform dreamlit._dequeue('dreamlit_render', array(
    select l.message_id from unnest(v_leased) as l
    where (select t.task_id from dreamlit._tasks as t where t.task_id = (l.content -> 'task_id')::bigint and t.state = 'rendering' limit 1) is null));
  return query
    select l.message_id, l.attempt,
      jsonb_build_object('step_id', s.step_id, 'channel', s.kind, 'context', r.payload || coalesce(t.item, '{}')),
      case when row_number() over (partition by s.step_id order by l.message_id) = 1
        then jsonb_build_object('templates', dreamlit._templates(s.settings), 'files', dreamlit._template_files(s.version_id)) end,
      l.lease_until
    from unnest(v_leased) as l
    cross join lateral (
      select t.* from dreamlit._tasks as t where t.task_id = (l.content -> 'task_id')::bigint and t.state = 'rendering' limit 1) as t
    cross join lateral (select r.payload from dreamlit._runs as r where r.run_id = t.run_id limit 1) as r
    join dreamlit._steps as s on s.step_id = t.step_id
    order by s.step_id, l.message_id;
end;
$$;
comment on function dreamlit._claim_renderings(integer, interval, text) is 'Leases tasks to be rendered; templates stand in the first row of each step.';
