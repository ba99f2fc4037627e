-- The four group roles. None can log in; dreamlit_owner owns every object and is no superuser.
-- Roles are shared by all databases of a cluster, so another database's installation may have made them already.
do $roles$
declare
  v_role name;
begin
  foreach v_role in array array['dreamlit_owner', 'dreamlit_admin', 'dreamlit_sender', 'dreamlit_reader']::name[] loop
    begin
      if not exists (select from pg_catalog.pg_roles where rolname = v_role) then
        execute format('create role %I nologin', v_role);
      end if;
    exception when duplicate_object or unique_violation then
      null;  -- another database's installation was faster
    end;
  end loop;

  -- A superuser may act as any role; everyone else has to be a member of the owner to create objects for it.
  if not pg_catalog.pg_has_role(current_user, 'dreamlit_owner', 'usage') then
    execute format('grant dreamlit_owner to %I', current_user);
  end if;
end;
$roles$;

comment on role dreamlit_owner is 'dreamlit: owns the engine and its tables; cannot log in.';
comment on role dreamlit_admin is
  'dreamlit: publishes, pauses, retries, cancels and releases; grant it to the people who run workflows.';
comment on role dreamlit_sender is
  'dreamlit: claims messages and reports on them, nothing else; grant it to the sender''s login.';
comment on role dreamlit_reader is 'dreamlit: reads the views.';
