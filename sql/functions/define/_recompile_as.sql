-- Compiling runs code of the publisher (a constant expression is computed when it is planned). Under SET ROLE such code could set
-- the session's own role again; inside a definer function of the publisher's it cannot.
create or replace function dreamlit._recompile_as(p_publisher name, p_version_id bigint, p_search_path text) returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  c_caller constant name := current_user;
  c_role constant text := current_setting('role');
  v_faults jsonb;
begin
  perform set_config('role', p_publisher, true);
  create function dreamlit_workflows.dreamlit_recompile(p_version_id bigint, p_search_path text) returns jsonb
  language sql security definer set search_path = pg_catalog, pg_temp
  as 'select dreamlit._recompile(p_version_id, p_search_path)';
  revoke execute on function dreamlit_workflows.dreamlit_recompile(bigint, text) from public;
  execute format('grant execute on function dreamlit_workflows.dreamlit_recompile(bigint, text) to %I', c_caller);
  perform set_config('role', c_role, true);
  execute 'select dreamlit_workflows.dreamlit_recompile($1, $2)' into v_faults using p_version_id, p_search_path;
  perform set_config('role', p_publisher, true);
  drop function dreamlit_workflows.dreamlit_recompile(bigint, text);
  perform set_config('role', c_role, true);
  return v_faults;
end;
$$;
comment on function dreamlit._recompile_as(name, bigint, text) is
  'Compiles a detached version again as its publisher and returns the faults as a list, empty if there are none.';
grant execute on function dreamlit._recompile_as(name, bigint, text) to dreamlit_admin;
