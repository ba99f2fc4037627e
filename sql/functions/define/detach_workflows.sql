-- Lock order: the publishers' advisory lock, the versions' rows, last the user's table, and that only where a trigger of ours pins a
-- column of it: then exclusively at once, because the migration is about to ask for just that.
create or replace function dreamlit.detach_workflows(table_name regclass default null) returns table (workflow text, version integer)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  c_role constant text := current_setting('role');
  v_version record;
  v_sql text;
begin
  for v_version in select d.* from dreamlit._begin_detaching(table_name) as d loop
    if v_version.pinned_by_trigger then
      perform dreamlit._run_soon(format('lock table %s in access exclusive mode', v_version.watched_table));
    end if;
    -- Our own text only: no code of the publisher runs while the session has its role.
    perform set_config('role', v_version.publisher, true);
    foreach v_sql in array v_version.trigger_sql loop
      execute v_sql;
    end loop;
    perform set_config('role', c_role, true);
    perform dreamlit._drop_pinning(v_version.version_id, table_name);
    return query select v_version.name, v_version.number;
  end loop;
end;
$$;
comment on function dreamlit.detach_workflows(regclass) is
  'Lets a migration through: drops, in the caller''s transaction, what pins the columns of a table (null: of anything) in every '
  'version of every workflow, and returns those versions. Call it first in the migration''s transaction, and '
  'dreamlit.attach_workflows() last: without that the transaction cannot commit. Rows written in between are captured; what of '
  'them does not fit starts as a failed run. Other sessions notice nothing before the commit. Raises DL004 if the session is no '
  'member of a publisher, DL007 if the table stays locked.';
grant execute on function dreamlit.detach_workflows(regclass) to dreamlit_admin;
