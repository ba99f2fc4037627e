-- Jinja is read by one Python module: here where the server has plpython3u, else by the client that sent the definition.
create or replace function dreamlit._read_references(p_definition jsonb) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_references jsonb;
begin
  if dreamlit._renderer() <> 'database' then
    if p_definition ? 'references' then
      return p_definition -> 'references';
    end if;
    perform dreamlit._raise_faults(p_definition, jsonb_agg((s.place || '.' || s.kind, 'nobody has read this step''s templates',
      'the senders render here: publish with the dreamlit command or the Python client, which read them')::dreamlit._fault))
    from dreamlit._list_steps(p_definition) as s where s.kind in ('email', 'slack');
    return '{}';
  end if;
  select jsonb_object_agg(s.place || '.' || s.kind, dreamlit._template_references(s.step -> s.kind, coalesce(p_definition -> 'files', '{}')))
  into v_references
  from dreamlit._list_steps(p_definition) as s where s.kind in ('email', 'slack');
  return coalesce(v_references, '{}');
end;
$$;
comment on function dreamlit._read_references(jsonb) is
  'Returns {"steps[0].email": [{"field", "path"} or {"field", "error", "line"}]}: what the templates of a definition read.';
grant execute on function dreamlit._read_references(jsonb) to dreamlit_admin;
