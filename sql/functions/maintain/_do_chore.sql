create or replace function dreamlit._do_chore(p_chore text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  case p_chore
    when 'reap' then perform dreamlit._reap();
    when 'hold' then perform dreamlit._hold_messages();
    when 'alert' then perform dreamlit._alert();
    when 'drop partitions' then
      if dreamlit._forget_events() or dreamlit._drop_old_partition() is not null then
        update dreamlit._chores as c set due_at = clock_timestamp() where c.chore = p_chore;  -- there may be more
      end if;
    when 'drop versions' then perform dreamlit._drop_unused_versions();
    when 'forget workers' then
      -- pg_cron's last worker is remembered for a week, so that its silence does not pass for mended.
      delete from dreamlit._workers as w
      where w.last_tick_at < clock_timestamp() - interval '1 hour'
        and (w.last_tick_at < clock_timestamp() - interval '7 days' or w.worker is distinct from (
          select c.worker from dreamlit._workers as c
          where c.worker like 'work:%' and c.last_tick_at > c.started_at + interval '30 seconds' order by c.last_tick_at desc limit 1));
      delete from dreamlit._paces as p where p.tail_at < dreamlit._now() - interval '1 hour';
      delete from dreamlit._alerts as a where a.closed_at < dreamlit._now() - dreamlit._kept_for('keep_audit_log');
  end case;
end;
$$;
comment on function dreamlit._do_chore(text) is 'Does one chore of dreamlit._chores.';
