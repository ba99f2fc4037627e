create or replace function dreamlit._drop_compiled(p_version_id bigint) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_sql text;
begin
  for v_sql in
    select format('drop function %s', f.oid::regprocedure)
    from dreamlit._compiled_functions(p_version_id) as f order by f.part_name like '%event' desc
  loop
    execute v_sql;
  end loop;
  for v_sql in
    select format('drop type %s', p.object_name)
    from dreamlit._compiled_parts(p_version_id) as p where p.kind = 'type' and to_regtype(p.object_name) is not null
  loop
    execute v_sql;
  end loop;
end;
$$;
comment on function dreamlit._drop_compiled(bigint) is 'Drops the compiled functions and types of one version.';
