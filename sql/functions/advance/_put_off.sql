create or replace function dreamlit._put_off(p_task_ids bigint[], p_until timestamptz[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp
set enable_seqscan = off set enable_bitmapscan = off set enable_nestloop = off set jit = off as $$
begin
  update dreamlit._tasks as t set state = 'waiting', due_at = u.until
  from unnest(p_task_ids, p_until) as u(task_id, until)
  where t.task_id = any (p_task_ids) and t.task_id = u.task_id and u.until > dreamlit._now();
end;
$$;
comment on function dreamlit._put_off(bigint[], timestamptz[]) is 'Lets tasks wait until their moments; leaves those alone whose moment is past.';
