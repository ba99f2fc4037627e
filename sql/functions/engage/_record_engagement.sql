-- The ids first: a call that brings the same event at the same moment waits there for this one's end.
create or replace function dreamlit._record_engagement(p_events jsonb) returns jsonb
language sql set search_path = pg_catalog, pg_temp as $$
  with given as (
    select * from dreamlit._read_engagement(p_events)
  ), fresh as (
    insert into dreamlit._engagement_ids (event_hash, recorded_at)
    select g.event_hash, dreamlit._now() from given as g order by g.event_hash
    on conflict on constraint _engagement_ids_pkey do nothing
    returning event_hash
  ), known as (
    select g.*, m.created_at, m.workflow_id, m.step_id, m.channel, m.content ->> 'topic' as topic, coalesce(m.content ? 'erased', false) as erased,
      coalesce(g.recipient, case when m.channel = 'email' then dreamlit._mailbox(m.recipient) end) as address,
      m.message_id as found_id,
      g.machine or g.kind in ('opened', 'clicked') and coalesce(m.state = 'sent'
        and g.at < m.settled_at + make_interval(secs => (dreamlit._setting('machine_seconds') #>> '{}')::double precision), false) as by_machine
    from fresh as f join given as g on g.event_hash = f.event_hash
    left join dreamlit._messages as m on m.message_id = g.message_id
  ), kept as (
    -- What comes for somebody who was erased since says nothing of the person.
    insert into dreamlit._engagement (
      recorded_at, at, provider, event_id, kind, message_id, message_created_at, workflow_id, step_id, channel, topic, provider_id,
      recipient, bounce, machine, url, user_agent, raw)
    select dreamlit._now(), k.at, k.provider, k.event_id, k.kind, k.found_id, k.created_at, k.workflow_id, k.step_id, k.channel, k.topic, k.provider_id,
      case when not k.erased then k.address end, k.bounce, k.by_machine, case when not k.erased then k.url end,
      case when not k.erased then k.user_agent end, case when not k.erased then k.raw end
    from known as k
  )
  select coalesce(jsonb_agg(jsonb_build_object('kind', k.kind, 'bounce', k.bounce, 'address', k.address, 'topic', k.topic, 'erased', k.erased)), '[]')
  from known as k;
$$;
comment on function dreamlit._record_engagement(jsonb) is
  'Stores the events that are new and returns them: [{"kind", "bounce", "address", "topic", "erased"}].';
