create table if not exists dreamlit._suppressions (
  address_hash bytea primary key,
  address text,
  reason text not null,
  suppressed_at timestamptz not null,
  suppressed_by name not null default session_user
);
comment on table dreamlit._suppressions is
  'Addresses that get no mail, by salted hash; address is null once the person was erased: the suppression stays, the address goes.';
