create or replace function dreamlit.pause(name text) returns text
language sql security definer set search_path = pg_catalog, pg_temp as $$
  select dreamlit._set_workflow_state($1, 'active', 'paused');
$$;
comment on function dreamlit.pause(text) is
  'Stops a workflow at once: events are still captured and runs started, but no task moves and no message leaves. Returns its '
  'state. Raises DL002, or DL003 if it is not published.';
grant execute on function dreamlit.pause(text) to dreamlit_admin;
