create or replace function dreamlit._object_name(p_workflow text, p_version integer, p_part text) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select format('dreamlit_workflows.%I', case
    when octet_length(n.name) <= 63 then n.name
    else left(n.name, 50) || '_' || left(md5(n.name), 12) end)
  from (select p_workflow || '_v' || p_version || '_' || p_part) as n(name);
$$;
comment on function dreamlit._object_name(text, integer, text) is
  'Returns the qualified, quoted name of a version''s compiled object: dreamlit_workflows.welcome_v3_nudge_if.';
grant execute on function dreamlit._object_name(text, integer, text) to dreamlit_admin;
