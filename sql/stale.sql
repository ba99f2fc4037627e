-- Functions of an earlier release that this one no longer has: all others were written by this very transaction.
do $stale$
declare
  v_sql text;
begin
  for v_sql in
    select format('drop %s %s', case p.prokind when 'p' then 'procedure' else 'function' end, p.oid::regprocedure)
    from pg_catalog.pg_proc as p
    where p.pronamespace = 'dreamlit'::regnamespace and p.xmin <> pg_current_xact_id()::xid and p.proname <> '_run_python'
  loop
    execute v_sql;
  end loop;
end;
$stale$;
