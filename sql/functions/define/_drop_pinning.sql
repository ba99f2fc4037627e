create or replace function dreamlit._drop_pinning(p_version_id bigint, p_table regclass) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_sql text;
begin
  perform dreamlit._detached_version(p_version_id);
  for v_sql in
    select format('drop function %s', f.oid::regprocedure) from dreamlit._pinning_functions(p_version_id, p_table) as f
  loop
    execute v_sql;
  end loop;
end;
$$;
comment on function dreamlit._drop_pinning(bigint, regclass) is
  'Drops the functions of a detached version that depend on a table; types and trigger functions stay.';
grant execute on function dreamlit._drop_pinning(bigint, regclass) to dreamlit_admin;
