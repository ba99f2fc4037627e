create or replace function dreamlit.triggers(name text) returns table (trigger text, enabled boolean)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select format('%s on %I.%I', o.operation, n.nspname, c.relname), t.tgenabled in ('O', 'A')
  from unnest(array['insert', 'update', 'delete']) as o(operation)
  join pg_trigger as t on t.tgfoid = to_regprocedure(dreamlit._trigger_function_name($1, o.operation) || '()')
  join pg_class as c on c.oid = t.tgrelid
  join pg_namespace as n on n.oid = c.relnamespace
  where t.tgparentid = 0
  order by 1;
$$;
comment on function dreamlit.triggers(text) is
  'Returns the triggers that a workflow has on its table (insert on public.users), and whether they fire; none for an unknown '
  'name.';
grant execute on function dreamlit.triggers(text) to dreamlit_admin, dreamlit_reader;
