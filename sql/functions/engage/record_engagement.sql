-- Soft bounces of one address may come in several calls at once: they are counted one call after the other, or none would see
-- enough of them. Lock order: that lock, ids, suppressions, preferences, each by hash; no message is locked.
create or replace function dreamlit.record_engagement(events jsonb) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_new jsonb;
begin
  perform dreamlit._check_engagement($1);
  perform dreamlit._ensure_partitions();
  if exists (select from jsonb_array_elements($1) as e where e.value ->> 'kind' = 'bounced') then
    perform pg_advisory_xact_lock(hashtext('dreamlit'), hashtext('soft_bounces'));
  end if;
  v_new := dreamlit._record_engagement($1);
  perform dreamlit._suppress_addresses(array_agg(b.address), array_agg(b.reason))
  from (
    select e.value ->> 'address', case e.value ->> 'kind' when 'complained' then 'complaint' else 'hard bounce' end
    from jsonb_array_elements(v_new) as e where e.value ->> 'kind' = 'complained' or e.value ->> 'bounce' = 'hard'
    union all
    select s.address, 'soft bounces' from unnest(dreamlit._soft_bouncers(array(
      select e.value ->> 'address' from jsonb_array_elements(v_new) as e where e.value ->> 'bounce' = 'soft'))) as s(address)
  ) as b(address, reason);
  perform dreamlit._choose(e.value ->> 'address', coalesce(e.value ->> 'topic', '*'), '*', false, 'provider', (e.value -> 'erased')::boolean)
  from jsonb_array_elements(v_new) as e where e.value ->> 'kind' = 'unsubscribed' and dreamlit._is_address(e.value ->> 'address')
  order by dreamlit._address_hash(e.value ->> 'address'), coalesce(e.value ->> 'topic', '*');
  return jsonb_array_length(v_new);
end;
$$;
comment on function dreamlit.record_engagement(jsonb) is
  'Stores what happened to messages afterwards ([{"provider", "event_id", "kind": delivered, deferred, bounced, complained, opened, '
  'clicked or unsubscribed, "at", "message_id", "provider_id", "recipient", "bounce": hard or soft, "url", "user_agent", "machine", '
  '"raw"}]) and returns how many events were new: one of the same provider and event_id counts once, for a week. One whose message '
  'is not there is kept without it. Hard bounces and complaints suppress their address at once, soft bounces as the setting '
  'soft_bounces says; unsubscribed turns the message''s topic off, or all of them. Raises DL001 for events that it does not '
  'understand, and stores none then. Commit after it.';
grant execute on function dreamlit.record_engagement(jsonb) to dreamlit_sender;
