-- The only door for definitions. Not pinned: names in the definition's SQL mean what they mean to the caller; what it calls is
-- pinned.
create or replace function dreamlit.publish(definition jsonb, sandbox boolean default false) returns table (workflow text, version integer, changed boolean)
language sql as $$
  select p.workflow, p.version, p.changed
  from dreamlit._publish(definition, pg_catalog.current_setting('search_path'), sandbox) as p;
$$;
comment on function dreamlit.publish(jsonb, boolean) is
  'Publishes a workflow''s definition as the calling role: compiles its SQL, puts its triggers on the table; with sandbox every '
  'message is held, until dreamlit.set_sandbox(name, false). Returns the '
  'workflow, its version, and whether that is a new one: the same definition again changes nothing. Raises DL001 with every '
  'fault (DETAIL: a JSON list of {place, fact, hint}), DL003 if another role publishes this workflow, DL007 if the table stays '
  'locked; then nothing has changed. Runs in the caller''s transaction.';
grant execute on function dreamlit.publish(jsonb, boolean) to dreamlit_admin;
