-- The publisher's trigger functions run as the publisher, in anybody's transaction: they must not fail when somebody loses
-- dreamlit_admin.
create or replace function dreamlit._grant_publisher(p_publisher name) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_superuser boolean := (select r.rolsuper from pg_roles as r where r.rolname = p_publisher);
begin
  if v_superuser or p_publisher = 'dreamlit_owner' then
    return;
  end if;
  execute format('grant usage on schema dreamlit, dreamlit_workflows to %I', p_publisher);
  execute format('grant execute on function dreamlit._enqueue(bigint, text, jsonb), dreamlit._readable(anyelement), dreamlit._same_names(oid, integer[], name[]) to %I', p_publisher);
end;
$$;
comment on function dreamlit._grant_publisher(name) is
  'Grants a publisher what its trigger functions need, and nothing else: to enqueue events.';
