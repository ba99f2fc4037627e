-- Not pinned: the migration's names mean what they mean to the caller.
create or replace function dreamlit.with_workflows_detached(table_name regclass, migration text) returns table (workflow text, version integer)
language plpgsql as $$
begin
  perform d.workflow from dreamlit.detach_workflows(table_name) as d;
  execute migration;
  return query select a.workflow, a.version from dreamlit.attach_workflows() as a;
end;
$$;
comment on function dreamlit.with_workflows_detached(regclass, text) is
  'Runs a migration, one or more statements without begin and commit, as the caller and in the caller''s transaction, while nothing '
  'that was published pins the columns of the table (null: of anything); then compiles everything again and returns the versions '
  'concerned. If anything fails, nothing has changed. Raises what the migration, detach_workflows and attach_workflows raise.';
grant execute on function dreamlit.with_workflows_detached(regclass, text) to dreamlit_admin;
