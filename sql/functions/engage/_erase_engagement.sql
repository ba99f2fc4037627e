-- Choices stay, as suppressions do, under the hash alone: who said no is not written to again. Events stay too, without the person.
create or replace function dreamlit._erase_engagement(p_address text, p_runs bigint[], p_mentions text) returns bigint
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_count bigint;
begin
  update dreamlit._preferences as p set address = null where p.address_hash = dreamlit._address_hash(p_address);
  -- A claim that counts there now is not waited for: it may wait for the tasks that we hold.
  delete from dreamlit._frequencies as f where f.address_hash in (
    select o.address_hash from dreamlit._frequencies as o where o.address_hash = dreamlit._address_hash(p_address) for update skip locked);
  update dreamlit._engagement as e set recipient = null, url = null, user_agent = null, provider_id = null, raw = '{"erased": true}',
    event_id = case when e.event_id ~* p_mentions then 'erased' else e.event_id end
  where e.raw is distinct from '{"erased": true}' and (concat_ws(' ', e.recipient, e.url, e.raw, e.event_id, e.provider_id, e.user_agent) ~* p_mentions
    or e.message_id in (
      select m.message_id from dreamlit._messages as m where m.run_id = any (p_runs) or m.recipient ~* p_mentions or m.content::text ~* p_mentions));
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function dreamlit._erase_engagement(text, bigint[], text) is
  'Takes a person out of events and choices, and returns of how many events.';
