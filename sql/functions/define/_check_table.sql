-- Whether the table can be watched by the caller, and the columns that the trigger names.
create or replace function dreamlit._check_table(p_name text, p_table regclass, p_columns jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_class record;
begin
  if p_table is null then
    return next ('trigger.table', format('there is no table %s that %s can see', p_name, current_user),
      coalesce((select format('did you mean %s?', dreamlit._nearest(p_name, array_agg(format('%I.%I', n.nspname, c.relname))))
        from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
        where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema|dreamlit|pgmq|cron)'
        having dreamlit._nearest(p_name, array_agg(format('%I.%I', n.nspname, c.relname))) is not null),
        'write schema.table, quoted where SQL would want quotes'))::dreamlit._fault;
    return;
  end if;
  select c.relkind, c.relpersistence, n.nspname, pg_get_userbyid(c.relowner) as owner, c.relowner into v_class
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace where c.oid = p_table;
  if v_class.nspname in ('dreamlit', 'dreamlit_workflows', 'pgmq', 'cron', 'pg_catalog', 'information_schema') then
    return next ('trigger.table', format('%s belongs to the engine or the system', p_table), 'watch a table of your own')::dreamlit._fault;
  elsif v_class.relkind not in ('r', 'p') then
    return next ('trigger.table', format('%s is no ordinary or partitioned table', p_table), 'watch the table behind it')::dreamlit._fault;
  elsif v_class.relpersistence = 't' then
    return next ('trigger.table', format('%s is a temporary table', p_table), 'watch a permanent table')::dreamlit._fault;
  elsif not has_table_privilege(p_table, 'TRIGGER') then
    return next ('trigger.table', format('%s may not put a trigger on %s', current_user, p_table),
      format('let its owner say: grant trigger on %s to %I', p_table, current_user))::dreamlit._fault;
  elsif dreamlit._captures_replicated() and not pg_has_role(v_class.relowner, 'USAGE') then
    -- PostgreSQL lets only the owner say that a trigger fires for replicated rows.
    return next ('trigger.table', format('%s is not the owner of %s, and rows are captured that replication writes', current_user, p_table),
      format('publish as %I, or grant %I to %I', v_class.owner, v_class.owner, current_user))::dreamlit._fault;
  end if;
  return query
    select 'trigger.columns', format('%s has no column %s', p_table, c.value), dreamlit._did_you_mean(c.value, array(select t.column_name from dreamlit._table_columns(p_table) as t))
    from jsonb_array_elements_text(p_columns) as c(value)
    where c.value not in (select t.column_name from dreamlit._table_columns(p_table) as t);
end;
$$;
comment on function dreamlit._check_table(text, regclass, jsonb) is 'Returns the faults of watching a table as the current role.';
grant execute on function dreamlit._check_table(text, regclass, jsonb) to dreamlit_admin;
