-- As the caller, like publish. Names mean what they meant when the version was published; where that is not known, what they mean
-- to the caller: so this is not pinned.
create or replace function dreamlit.rollback(name text, to_version integer) returns table (workflow text, version integer, changed boolean)
language sql as $$
  select p.workflow, p.version, p.changed
  from dreamlit._read_stored(name, to_version) as s
  cross join lateral dreamlit._publish(s.document, coalesce(s.search_path, pg_catalog.current_setting('search_path'))) as p;
$$;
comment on function dreamlit.rollback(text, integer) is
  'Publishes the definition of an earlier version again, as the calling role and as a new version; runs that are open stay on '
  'theirs. Returns as publish does, with changed false if that definition is the published one. Raises DL002 for an unknown '
  'version, DL003 if its templates cannot be read from here, and what publish raises. Runs in the caller''s transaction.';
grant execute on function dreamlit.rollback(text, integer) to dreamlit_admin;
