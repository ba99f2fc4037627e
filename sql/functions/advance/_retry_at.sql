-- Doubling with a quarter of jitter. Steps: 2 s to 5 min. Messages: 10 s to 1 h, so that ten attempts outlast a greylisting
-- server (RFC 5321 4.5.4.1 asks for at least 30 minutes between late tries) and an hour's outage.
create or replace function dreamlit._retry_at(p_kind text, p_attempt integer) returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select dreamlit._now() + case when p_kind in ('email', 'slack')
    then least(interval '10 seconds' * 2 ^ least(p_attempt - 1, 20), interval '1 hour')
    else least(interval '2 seconds' * 2 ^ least(p_attempt - 1, 20), interval '5 minutes') end * (0.875 + random() / 4);
$$;
comment on function dreamlit._retry_at(text, integer) is
  'Returns when to try again after the p_attempt-th failure (from 1) of a step or message of that kind.';
