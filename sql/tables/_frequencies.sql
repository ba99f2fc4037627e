create table if not exists dreamlit._frequencies (
  address_hash bytea primary key,
  message_ids bigint[] not null default '{}',
  claimed_at timestamptz[] not null default '{}',
  last_at timestamptz not null
) with (fillfactor = 70);
comment on table dreamlit._frequencies is
  'The messages that count towards an address''s frequency cap, and when each was first claimed; written only while the setting '
  'frequency_cap is set.';
