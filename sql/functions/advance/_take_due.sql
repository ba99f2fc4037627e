-- Apart from what is done with them: publishers' queries are planned as PostgreSQL sees fit, this one never reads all tasks.
create or replace function dreamlit._take_due(
  p_step_id bigint, p_from bigint, p_limit integer,
  out task_ids bigint[], out items jsonb[], out waited bigint[], out count integer, out last timestamptz)
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
begin
  with due as materialized (
    select t.task_id, t.run_id, t.item, t.state, t.due_at
    from dreamlit._tasks as t
    where t.step_id = p_step_id and t.due_at <= dreamlit._now() and t.due_at >= dreamlit._moment(p_from)
    order by t.due_at, t.task_id
    limit p_limit
    for update skip locked
  )
  select
    array_agg(d.task_id order by d.task_id) filter (where d.state = 'due'),
    array_agg(case when d.item is null then r.payload else r.payload || d.item end order by d.task_id) filter (where d.state = 'due'),
    array_agg(d.task_id) filter (where d.state = 'waiting'),
    count(*), max(d.due_at)
  into task_ids, items, waited, count, last
  from due as d cross join lateral (select r.payload from dreamlit._runs as r where r.run_id = d.run_id limit 1) as r;
end;
$$;
comment on function dreamlit._take_due(bigint, bigint, integer) is
  'Locks up to p_limit due tasks of a step, from the low mark p_from on, and returns those that are due with their items, those that '
  'have waited, how many there are, and the last one''s time.';
