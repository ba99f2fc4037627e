-- An address that another claim counts at this moment is not waited for: its messages go back and are claimed again. A message that
-- was counted once passes again. What goes to a redirect is a tester's, and not capped.
-- Lock order: the caller holds the outbox rows; then addresses, by hash.
create or replace function dreamlit._cap_messages(p_claimed dreamlit._claimed[], p_cap jsonb, out capped bigint[], out busy bigint[])
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_since constant timestamptz := dreamlit._now() - (p_cap ->> 'per')::interval;
  v_ids bigint[];
  v_hashes bytea[];
begin
  select array_agg(c.message_id), array_agg(dreamlit._address_hash(c.content #>> '{to,0}')) into v_ids, v_hashes
  from unnest(p_claimed) as c
  where c.content ? 'topic' and not coalesce(c.content -> 'headers' ? 'X-Original-To', false);
  if v_ids is null then
    return;
  end if;
  insert into dreamlit._frequencies (address_hash, last_at)
  select distinct h.address_hash, dreamlit._now() from unnest(v_hashes) as h(address_hash)
  -- Or it would wait for whoever counts there now.
  where not exists (select from dreamlit._frequencies as f where f.address_hash = h.address_hash)
  order by h.address_hash
  on conflict on constraint _frequencies_pkey do nothing;
  with asked as (
    select u.message_id, u.address_hash from unnest(v_ids, v_hashes) as u(message_id, address_hash)
  ), held as (
    select f.* from dreamlit._frequencies as f where f.address_hash = any (v_hashes) order by f.address_hash for update skip locked
  ), counted as (
    select h.address_hash, c.message_id, c.claimed_at
    from held as h cross join unnest(h.message_ids, h.claimed_at) as c(message_id, claimed_at)
    where c.claimed_at > v_since
  ), ranked as (
    select a.message_id, a.address_hash,
      row_number() over (partition by a.address_hash order by a.message_id)
        + (select count(*) from counted as c where c.address_hash = a.address_hash) <= (p_cap -> 'count')::integer as passes
    from asked as a join held as h on h.address_hash = a.address_hash
    where a.message_id not in (select c.message_id from counted as c)
  ), noted as (
    update dreamlit._frequencies as f set message_ids = n.message_ids, claimed_at = n.claimed_at, last_at = dreamlit._now()
    from (
      select k.address_hash, array_agg(k.message_id order by k.claimed_at, k.message_id) as message_ids,
        array_agg(k.claimed_at order by k.claimed_at, k.message_id) as claimed_at
      from (
        select c.address_hash, c.message_id, c.claimed_at from counted as c
        union all
        select r.address_hash, r.message_id, dreamlit._now() from ranked as r where r.passes
      ) as k
      where k.address_hash in (select r.address_hash from ranked as r where r.passes)
      group by k.address_hash
    ) as n
    where f.address_hash = n.address_hash
  )
  select array(select r.message_id from ranked as r where not r.passes),
    array(select a.message_id from asked as a where a.address_hash not in (select h.address_hash from held as h))
  into capped, busy;
end;
$$;
comment on function dreamlit._cap_messages(dreamlit._claimed[], jsonb) is
  'Counts claimed messages of topics towards their recipients'' frequency cap, in the order of ids; returns those beyond it, and those '
  'whose recipients another claim counts just now.';
