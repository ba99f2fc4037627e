-- What a release before 0.2.0 published has no stored references: the columns that it captured stand in for them, since the
-- templates are the same. A version that captures no more keeps the columns that it has: the payloads of its runs hold them.
create or replace function dreamlit._take_detached(p_version_id bigint)
returns table (name text, number integer, definition jsonb, template_references jsonb, captured jsonb, search_path text)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_version dreamlit._versions := dreamlit._detached_version(p_version_id);
  v_workflow dreamlit._workflows;
  v_references jsonb := v_version.template_references;
  v_captured jsonb;
begin
  select w.* into v_workflow from dreamlit._workflows as w where w.workflow_id = v_version.workflow_id;
  perform dreamlit._check_publisher(v_version.publisher, v_workflow.name);
  if v_references is null then
    select jsonb_build_object('captured', coalesce(jsonb_agg(jsonb_build_object('field', 'columns', 'path', jsonb_build_array(a.alias, c.column_name))), '[]'))
    into v_references
    from unnest(array['trigger', 'old']) as a(alias)
    cross join unnest(dreamlit._type_columns(dreamlit._object_name(v_workflow.name, v_version.version, a.alias))) as c(column_name);
  end if;
  if v_version.version_id <> v_workflow.version_id or v_workflow.state = 'unpublished' then
    v_captured := dreamlit._captured(v_workflow.name, v_version.version);
  end if;
  perform dreamlit._drop_compiled(p_version_id);
  return query select v_workflow.name, v_version.version, v_version.definition, v_references, v_captured, v_version.search_path;
end;
$$;
comment on function dreamlit._take_detached(bigint) is
  'Drops what is left of a detached version''s functions and types and returns what compiling it again takes. Raises DL003 if this '
  'transaction has not detached it, DL004 if the session is no member of its publisher.';
grant execute on function dreamlit._take_detached(bigint) to dreamlit_admin;
