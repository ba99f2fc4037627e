-- What is chosen for every channel overrides what was chosen for one.
create or replace function dreamlit._choose(
  p_address text, p_topic text, p_channel text, p_subscribed boolean, p_via text, p_erased boolean default false)
returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_hash constant bytea := dreamlit._address_hash(p_address);
  v_changed boolean := dreamlit._own_choice(v_hash, p_topic, p_channel) <> p_subscribed;
begin
  insert into dreamlit._preferences as p (address_hash, topic, channel, subscribed, address, changed_at, via)
  values (v_hash, p_topic, p_channel, p_subscribed, case when not p_erased then dreamlit._mailbox(p_address) end, dreamlit._now(), p_via)
  on conflict on constraint _preferences_pkey do update
    set subscribed = excluded.subscribed, address = coalesce(excluded.address, p.address), changed_at = excluded.changed_at,
      changed_by = excluded.changed_by, via = excluded.via
    where p.subscribed <> excluded.subscribed;
  if p_channel = '*' then
    delete from dreamlit._preferences as p where p.address_hash = v_hash and p.topic = p_topic and p.channel <> '*' and p.subscribed <> p_subscribed;
    v_changed := v_changed or found;
    delete from dreamlit._preferences as p where p.address_hash = v_hash and p.topic = p_topic and p.channel <> '*';
  end if;
  return v_changed;
end;
$$;
comment on function dreamlit._choose(text, text, text, boolean, text, boolean) is
  'Stores one choice of a person, * standing for every topic or channel; returns whether it changed anything.';
