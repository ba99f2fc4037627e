-- The engine calls what publishers own. A publisher could turn such a function into one that runs with the caller's rights,
-- so each call is preceded by this. The answer's types are PostgreSQL's own: a cast of the publisher's would run as the engine.
create or replace function dreamlit._compiled(p_function text, p_publisher name, p_arguments text default '(bigint[], jsonb[])')
returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_oid regprocedure := to_regprocedure(p_function || p_arguments);
  v_name text;
begin
  if v_oid is null then
    raise exception using errcode = 'DL003',
      message = format('%s%s is gone: its version has been retired', p_function, p_arguments),
      hint = 'start the workflow afresh: dreamlit.start(name, payload)';
  end if;
  select format('dreamlit_workflows.%I', p.proname) into v_name
  from pg_proc as p
  where p.oid = v_oid and p.prosecdef and p.pronamespace = 'dreamlit_workflows'::regnamespace and pg_get_userbyid(p.proowner) = p_publisher
    and not exists (
      select from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]) || p.prorettype) as u(type_id) join pg_type as t on t.oid = u.type_id
      where t.typnamespace <> 'pg_catalog'::regnamespace);
  if v_name is null then
    raise exception using errcode = 'DL004',
      message = format('%s is no longer the security definer function that %s published', v_oid, p_publisher),
      hint = 'publish the workflow again';
  end if;
  return v_name;
end;
$$;
comment on function dreamlit._compiled(text, name, text) is
  'Returns the name of a compiled function if it still runs with its publisher''s rights only; raises DL003 if it is gone, '
  'DL004 if it was tampered with.';
