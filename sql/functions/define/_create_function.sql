create or replace function dreamlit._create_function(p_search_path text, p_signature text, p_sql text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform dreamlit._run_ddl(p_search_path, p_sql);
  -- A superuser, or a member of the role that made such a function before, would replace it and leave it its owner.
  if (select pg_get_userbyid(p.proowner) <> current_user from pg_proc as p where p.oid = to_regprocedure(p_signature)) then
    raise exception using errcode = 'DL004', message = format('%s belongs to another role than %s', p_signature, current_user),
      hint = 'drop it, then publish again';
  end if;
  execute format('revoke execute on function %s from public', p_signature);
  execute format('grant execute on function %s to dreamlit_owner', p_signature);
end;
$$;
comment on function dreamlit._create_function(text, text, text) is
  'Creates a compiled function as the caller and lets nobody but the caller and the engine''s owner call it.';
grant execute on function dreamlit._create_function(text, text, text) to dreamlit_admin;
