-- The copy with which a subscription begins brings rows that were there before: it fires the row triggers too, in the state d, and
-- nothing else does. Changes since the copy's snapshot come after it, in other states.
create or replace function dreamlit._copying_sql(p_operation text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case when p_operation = 'insert' and dreamlit._captures_replicated() then $guard$
  if pg_catalog.current_setting('session_replication_role') = 'replica' and exists (
    select from pg_catalog.pg_subscription_rel as s
    where s.srsubstate = 'd' and (s.srrelid = tg_relid or s.srrelid in (select pg_catalog.pg_partition_ancestors(tg_relid))))
  then
    return null;
  end if;$guard$ else '' end;
$$;
comment on function dreamlit._copying_sql(text) is
  'Returns what a row trigger''s function begins with: leave out the rows that a subscription copies at its start.';
grant execute on function dreamlit._copying_sql(text) to dreamlit_admin;
