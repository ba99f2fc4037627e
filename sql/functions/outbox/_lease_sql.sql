-- What is paused, in the sandbox (unless a person released it), started (an interrupted delivery: _reap decides) or not yet
-- visible is stepped over. Renderings of the sandbox go on: nothing leaves with them, and what they make is held.
create or replace function dreamlit._lease_sql(p_queue text) returns text
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
    update pgmq.%1$I as q
    set vt = dreamlit._now() + $2, read_ct = q.read_ct + 1, last_read_at = dreamlit._now(), headers = jsonb_build_object('sender', $3)
    from (
      select r.msg_id, r.vt as ready_at from pgmq.%1$I as r
      where r.vt <= dreamlit._now() and r.vt >= dreamlit._moment($4) and not coalesce(r.headers ? 'started_at', false)
        and ((r.message -> 'workflow_id')::bigint <> all (array(select w.workflow_id from dreamlit._workflows as w where w.state = 'paused'%2$s))
          or r.message ? 'released' and (r.message -> 'workflow_id')::bigint <> all (array(select w.workflow_id from dreamlit._workflows as w where w.state = 'paused')))
      order by r.vt, r.msg_id
      limit $1
      for update skip locked
    ) as ready
    where q.msg_id = ready.msg_id
    returning q.msg_id, q.read_ct, q.vt, q.message, ready.ready_at$sql$, 'q_' || p_queue, case when p_queue <> 'dreamlit_render' then ' or w.sandbox' else '' end);
$$;
comment on function dreamlit._lease_sql(text) is
  'Returns the statement that leases rows of an outbox queue: $1 quantity, $2 lease, $3 sender, $4 the low mark.';
