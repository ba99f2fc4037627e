-- The one function in plpython3u: the modules of python/dreamlit_pg/rendering, byte for byte, executed once a session, each
-- after those that it imports. Numbers are read as decimals, as the senders read them, so that 19.90 stays 19.90.
do $install$
declare
  v_role name;
begin
  if not exists (select from pg_catalog.pg_language where lanname = 'plpython3u')
    or not (select r.rolsuper from pg_catalog.pg_roles as r where r.rolname = current_user)
  then
    return;
  end if;
  execute $create$
create or replace function dreamlit._run_python(p_function text, p_arguments jsonb) returns jsonb
language plpython3u volatile set search_path = pg_catalog, pg_temp as $python$
import decimal, json, sys, types
if GD.get("dreamlit_digest") != @@rendering_digest@@:
    for name, source in @@rendering_modules@@.items():
        module = sys.modules[name] = types.ModuleType(name)
        module.__package__ = "dreamlit_rendering"
        exec(compile(source, name, "exec"), module.__dict__)
    GD["dreamlit_digest"] = @@rendering_digest@@
answer = getattr(sys.modules["dreamlit_rendering.__init__"], p_function)(*json.loads(p_arguments, parse_float=decimal.Decimal))
return json.dumps(answer, ensure_ascii=False)
$python$ $create$;
  alter function dreamlit._run_python(text, jsonb) owner to dreamlit_owner;
  revoke execute on function dreamlit._run_python(text, jsonb) from public;
  -- A superuser's default privileges may have granted it to others.
  for v_role in
    select pg_get_userbyid(a.grantee) from pg_proc as p cross join aclexplode(p.proacl) as a
    where p.oid = 'dreamlit._run_python(text, jsonb)'::regprocedure and a.grantee <> p.proowner
  loop
    execute format('revoke all on function dreamlit._run_python(text, jsonb) from %I', v_role);
  end loop;
  comment on function dreamlit._run_python(text, jsonb) is
  'Calls a function of the rendering modules with a list of arguments and returns its answer.';
end;
$install$;
