-- The pgmq queues. pgmq's own functions make them for whoever installs; the engine's owner gets the rows.
do $queues$
declare
  v_queue text;
begin
  foreach v_queue in array array[
    'dreamlit_events', 'dreamlit_render',
    'dreamlit_email_alert', 'dreamlit_email_urgent', 'dreamlit_email_bulk',
    'dreamlit_slack_alert', 'dreamlit_slack_urgent', 'dreamlit_slack_bulk'
  ] loop
    if not exists (select from pgmq.list_queues() as q where q.queue_name = v_queue) then
      perform pgmq.create(v_queue);
      -- An INSERT of 200,000 rows took 0.92 s with it, 1.04 s with pglz; not every server is built with it.
      begin
        execute format('alter table pgmq.%I alter column message set compression lz4', 'q_' || v_queue);
      exception when feature_not_supported then
        null;
      end;
    end if;
    execute format('grant select, insert, update, delete on pgmq.%I to dreamlit_owner', 'q_' || v_queue);
    execute format('grant select, insert, update, delete on pgmq.%I to dreamlit_owner', 'a_' || v_queue);
    -- pgmq lets those who monitor the server read its queues; what waits in ours is somebody's data.
    execute format('revoke all on pgmq.%I, pgmq.%I from pg_monitor', 'q_' || v_queue, 'a_' || v_queue);
    -- Claimed rows are updated once and deleted soon: leave room on the page, and vacuum early and without a pause.
    execute format(
      'alter table pgmq.%I set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000, '
      'autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_scale_factor = 0.1)', 'q_' || v_queue);
    -- For the reaper: deliveries that have begun are few among the many that wait.
    -- IF NOT EXISTS would lock out those who write before it looks.
    if to_regclass(format('pgmq.%I', 'q_' || v_queue || '_started_idx')) is null then
      execute format('create index %I on pgmq.%I (vt) where headers ? ''started_at''', 'q_' || v_queue || '_started_idx', 'q_' || v_queue);
    end if;
  end loop;
  grant usage on schema pgmq to dreamlit_owner;
end;
$queues$;
