create or replace function dreamlit._detached_version(p_version_id bigint) returns dreamlit._versions
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_version dreamlit._versions;
begin
  select v.* into v_version from dreamlit._versions as v join dreamlit._detached_versions as d on d.version_id = v.version_id
  where v.version_id = p_version_id;
  if not found then
    raise exception using errcode = 'DL003', message = format('version_id %s is not detached', p_version_id),
      hint = 'call dreamlit.detach_workflows and dreamlit.attach_workflows, which call this';
  end if;
  return v_version;
end;
$$;
comment on function dreamlit._detached_version(bigint) is
  'Returns a version that this transaction has detached; raises DL003 for any other.';
