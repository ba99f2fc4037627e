-- One index over all days, which partitions cannot have. Hashes, so that an id of any length fits and none of it stays.
create table if not exists dreamlit._engagement_ids (
  event_hash bytea primary key,
  recorded_at timestamptz not null
);
create index if not exists _engagement_ids_recorded_at_idx
  on dreamlit._engagement_ids using brin (recorded_at) with (pages_per_range = 16);
comment on table dreamlit._engagement_ids is
  'Events of the last week by the hash of provider and id: what a provider sends twice, at once or after days, counts once.';
