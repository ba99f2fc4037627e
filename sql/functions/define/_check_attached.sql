-- At commit: a transaction that has detached and not attached again would leave workflows dead.
create or replace function dreamlit._check_attached() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from dreamlit._detached_versions as d where d.version_id = new.version_id) then
    raise exception using errcode = 'DL003', message = (
        select format('version %s of workflow %s is detached', v.version, w.name)
        from dreamlit._versions as v join dreamlit._workflows as w on w.workflow_id = v.workflow_id where v.version_id = new.version_id),
      hint = 'end the migration with: select * from dreamlit.attach_workflows()';
  end if;
  return null;
end;
$$;
comment on function dreamlit._check_attached() is 'Raises DL003 at the commit of a transaction that leaves a version detached.';
drop trigger if exists attached on dreamlit._detached_versions;
create constraint trigger attached after insert on dreamlit._detached_versions
  deferrable initially deferred for each row execute function dreamlit._check_attached();
