-- Locked by name before anything else that a claim locks, so that claims of one bucket follow one another; without a rate there
-- is nothing to lock.
create or replace function dreamlit._open_buckets(p_channel text, p_provider text) returns dreamlit._buckets[]
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  return array(select b from dreamlit._buckets as b where b.name in (p_channel, p_provider) order by b.name for update);
end;
$$;
comment on function dreamlit._open_buckets(text, text) is
  'Returns the buckets of a channel and a provider, locked; an empty array where neither has a rate.';
