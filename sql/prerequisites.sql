-- What the engine stands on. What is made here is noted, so that uninstalling can take it away again.
do $prerequisites$
declare
  v_superuser constant boolean := (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user);
  v_made text[] := '{}';
begin
  if current_setting('server_version_num')::integer < 140000 then
    raise exception using errcode = 'DL005', message = format('this server is PostgreSQL %s', current_setting('server_version')),
      hint = 'dreamlit needs PostgreSQL 14 or later';
  end if;
  if not has_database_privilege(current_database(), 'CREATE') then
    raise exception using errcode = 'DL005',
      message = format('%s may not create schemas in %s', current_user, current_database()),
      hint = format('let the owner say: grant create on database %I to %I', current_database(), current_user);
  end if;
  if not v_superuser and not (select r.rolcreaterole from pg_catalog.pg_roles as r where r.rolname = current_user)
    and not pg_has_role(current_user, coalesce((select r.oid from pg_catalog.pg_roles as r where r.rolname = 'dreamlit_owner'), 0), 'usage')
  then
    raise exception using errcode = 'DL005', message = format('%s may not create roles', current_user),
      hint = 'install as a superuser or as a role with CREATEROLE';
  end if;
  if exists (
    select from pg_catalog.pg_namespace as n
    where n.nspname in ('dreamlit', 'dreamlit_workflows') and pg_get_userbyid(n.nspowner) <> 'dreamlit_owner')
  then
    raise exception using errcode = 'DL005', message = 'there is a schema dreamlit or dreamlit_workflows that is not ours',
      hint = 'rename or drop it: what somebody else put there would run with our rights';
  end if;
  if to_regclass('dreamlit._releases') is null then
    perform set_config('dreamlit.fresh', 'true', true);
  else
    perform set_config('dreamlit.fresh', 'false', true);
  end if;

  if to_regnamespace('pgmq') is null then
    v_made := v_made || 'pgmq'::text;
    if exists (select from pg_catalog.pg_available_extensions as e where e.name = 'pgmq') and v_superuser then
      create extension pgmq;
    else
      execute @@pgmq_source@@;
    end if;
  end if;
  if not exists (select from pg_catalog.pg_extension where extname = 'plpython3u') and v_superuser
    and exists (select from pg_catalog.pg_available_extensions as e where e.name = 'plpython3u')
  then
    create extension plpython3u;
    v_made := v_made || 'plpython3u'::text;
  end if;
  if not exists (select from pg_catalog.pg_extension where extname = 'pg_cron') and v_superuser
    and current_setting('cron.database_name', true) = current_database()
    and current_setting('shared_preload_libraries') ~ '\mpg_cron\M'
  then
    create extension pg_cron;
    v_made := v_made || 'pg_cron'::text;
  end if;
  perform set_config('dreamlit.made', array_to_string(v_made, ','), true);
end;
$prerequisites$;
