-- Not pinned: a version whose search_path is not known (a release before 0.2.0 published it) is compiled under the caller's.
create or replace function dreamlit.attach_workflows() returns table (workflow text, version integer)
language sql as $$
  select a.workflow, a.version from dreamlit._attach_workflows(pg_catalog.current_setting('search_path')) as a;
$$;
comment on function dreamlit.attach_workflows() is
  'Ends what dreamlit.detach_workflows began, in the same transaction: compiles each detached version again from its definition, '
  'under its number and as its publisher, and returns them. Raises DL001 with all faults (DETAIL: a JSON list of {place, fact, '
  'hint}) if a definition does not fit the tables any more; the transaction is then best rolled back, which restores everything. '
  'Raises DL004 if the session is no member of a publisher.';
grant execute on function dreamlit.attach_workflows() to dreamlit_admin;
