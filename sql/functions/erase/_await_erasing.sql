-- Before any other lock. What comes back from the history is in neither place for others until it is committed: an erasing that does not
-- wait would miss it.
create or replace function dreamlit._await_erasing() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(hashtext('dreamlit'), hashtext('erase'));
end;
$$;
comment on function dreamlit._await_erasing() is
  'Waits for an erasing under way, and makes others wait until the end of the transaction: for whatever brings runs of the history, or their events, back.';
