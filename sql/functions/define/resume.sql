create or replace function dreamlit.resume(name text) returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._set_workflow_state($1, 'paused', 'active');
$$;
comment on function dreamlit.resume(text) is
  'Lets a paused workflow go on where it stood; nothing captured meanwhile is lost. Returns its state. Raises DL002, or DL003 '
  'if it is not published.';
grant execute on function dreamlit.resume(text) to dreamlit_admin;
