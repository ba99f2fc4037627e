create or replace function dreamlit._check_publisher(p_publisher name, p_workflow text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if not pg_has_role(session_user, p_publisher, 'member') then
    raise exception using errcode = 'DL004',
      message = format('%s is no member of %s, which published %s', session_user, p_publisher, p_workflow),
      hint = format('run the migration as %1$I, or let somebody say: grant %1$I to %2$I', p_publisher, session_user);
  elsif not has_schema_privilege(p_publisher, 'dreamlit_workflows', 'create') then
    raise exception using errcode = 'DL004',
      message = format('%s, which published %s, may no longer publish', p_publisher, p_workflow),
      hint = format('give it back for the migration: grant dreamlit_admin to %I', p_publisher);
  end if;
end;
$$;
comment on function dreamlit._check_publisher(name, text) is
  'Raises DL004 if the session may not act as the publisher of a workflow, or that role may not publish.';
