-- One look at an index for each version, a day at a time: whatever the planner believes, what is past is not read.
create or replace function dreamlit._failed_versions() returns bigint[]
language plpgsql stable set search_path = pg_catalog, pg_temp set enable_seqscan = off set enable_bitmapscan = off set jit = off as $$
declare
  v_since constant timestamptz := dreamlit._now() - (dreamlit._setting('keep_failed_versions') #>> '{}')::interval;
begin
  return array(
    select v.version_id from dreamlit._versions as v
    cross join lateral (
      select from dreamlit._run_history as h
      where h.version_id = v.version_id and h.state = 'failed' and h.finished_at > v_since
      limit 1) as failed
    where v.compiled);
end;
$$;
comment on function dreamlit._failed_versions() is
  'Returns the ids of the compiled versions of which a run failed so lately that it can be retried (setting keep_failed_versions).';
