create or replace function dreamlit._claim_renderings(p_quantity integer, p_lease interval, p_sender text)
returns table (message_id bigint, attempt integer, content jsonb, templates jsonb, lease_until timestamptz)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return query execute format($sql$
    with leased as (%s)
    select l.msg_id, l.read_ct,
      jsonb_build_object('step_id', s.step_id, 'channel', s.kind, 'context', r.payload || coalesce(t.item, '{}')),
      case when row_number() over (partition by s.step_id order by l.msg_id) = 1
        then jsonb_build_object('templates', s.settings -> 'templates', 'files', dreamlit._template_files(s.version_id)) end,
      l.vt
    from leased as l
    join dreamlit._tasks as t on t.task_id = (l.message -> 'task_id')::bigint
    join dreamlit._runs as r on r.run_id = t.run_id
    join dreamlit._steps as s on s.step_id = t.step_id
    order by s.step_id, l.msg_id $sql$, dreamlit._lease_sql('dreamlit_render'))
  using p_quantity, p_lease, p_sender;
end;
$$;
comment on function dreamlit._claim_renderings(integer, interval, text) is
  'Leases tasks to be rendered; templates stand in the first row of each step.';
