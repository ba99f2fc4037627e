-- Senders' databases cannot read templates: there the references that the version was published with stand in for it.
create or replace function dreamlit._read_stored(p_workflow text, p_version integer) returns table (document jsonb, search_path text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_version dreamlit._versions := dreamlit._stored_version(p_workflow, p_version);
begin
  if v_version.template_references is null and dreamlit._renderer() <> 'database'
    and exists (select from dreamlit._list_steps(v_version.definition) as s where s.kind in ('email', 'slack'))
  then
    raise exception using errcode = 'DL003',
      message = format('what the templates of version %s of %s read is not stored: a release before 0.2.0 published it', p_version, p_workflow),
      hint = 'the senders render here: publish the version''s file again with the command, dreamlit publish FILE';
  end if;
  return query select v_version.definition || case when v_version.template_references is null then '{}'
    else jsonb_build_object('references', v_version.template_references) end, v_version.search_path;
end;
$$;
comment on function dreamlit._read_stored(text, integer) is
  'Returns the document of a stored version, as publish takes it, and the search_path of its publishing; raises DL002 if there '
  'is none, DL003 if it cannot be published from here.';
grant execute on function dreamlit._read_stored(text, integer) to dreamlit_admin;
