create table if not exists dreamlit._preferences (
  address_hash bytea not null,
  topic text not null,
  channel text not null,
  subscribed boolean not null,
  address text,
  changed_at timestamptz not null,
  changed_by name not null default session_user,
  via text,
  constraint _preferences_pkey primary key (address_hash, topic, channel),
  constraint _preferences_channel_check check (channel in ('*', 'email', 'slack'))
);
comment on table dreamlit._preferences is
  'What people chose, by salted hash of the address; * stands for every topic or channel. Only what somebody chose has a row. '
  'address is null once the person was erased: the choice stays, the address goes.';
