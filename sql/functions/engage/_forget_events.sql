-- In bites, so that no delete takes long.
create or replace function dreamlit._forget_events() returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_count integer;
begin
  delete from dreamlit._frequencies as f where f.address_hash in (
    select o.address_hash from dreamlit._frequencies as o where o.last_at < dreamlit._now() - interval '30 days' limit 50000 for update skip locked);
  delete from dreamlit._engagement_ids as i where i.event_hash in (
    select o.event_hash from dreamlit._engagement_ids as o where o.recorded_at < dreamlit._now() - interval '7 days' limit 50000 for update skip locked);
  get diagnostics v_count = row_count;
  return v_count = 50000;
end;
$$;
comment on function dreamlit._forget_events() is
  'Deletes ids of events older than a week, and addresses that were not counted for 30 days; returns whether there may be more.';
