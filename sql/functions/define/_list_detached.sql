-- A version that was retired meanwhile (another was published in the migration) needs no functions any more.
create or replace function dreamlit._list_detached() returns table (version_id bigint, name text, number integer, publisher name)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from dreamlit._detached_versions as d using dreamlit._versions as v where v.version_id = d.version_id and not v.compiled;
  return query
    select v.version_id, w.name, v.version, v.publisher
    from dreamlit._detached_versions as d
    join dreamlit._versions as v on v.version_id = d.version_id
    join dreamlit._workflows as w on w.workflow_id = v.workflow_id
    order by v.version_id;
end;
$$;
comment on function dreamlit._list_detached() is 'Returns the versions that this transaction has detached and must attach again.';
grant execute on function dreamlit._list_detached() to dreamlit_admin;
