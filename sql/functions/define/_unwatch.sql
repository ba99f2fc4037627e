-- Dropping the function takes its trigger along, which the table's owner need not do for us.
create or replace function dreamlit._unwatch(p_workflow text, p_operation text, p_tries integer default 5) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if to_regprocedure(dreamlit._trigger_function_name(p_workflow, p_operation) || '()') is not null then
    perform dreamlit._run_soon(format('drop function %s() cascade', dreamlit._trigger_function_name(p_workflow, p_operation)), p_tries);
  end if;
end;
$$;
comment on function dreamlit._unwatch(text, text, integer) is
  'Drops a workflow''s trigger for one operation with its function. Takes ACCESS EXCLUSIVE on the table, briefly; raises DL007 '
  'if it cannot.';
grant execute on function dreamlit._unwatch(text, text, integer) to dreamlit_admin;
