-- Lock order: the publishers' advisory lock, the workflow's row, last the user's table.
create or replace function dreamlit._publish(p_definition jsonb, p_search_path text, p_sandbox boolean default false, p_watch boolean default true)
returns table (workflow text, version integer, changed boolean)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_definition jsonb;
  v_references jsonb;
  v_begun record;
  v_compiled jsonb;
begin
  perform dreamlit._raise_faults(p_definition, (select jsonb_agg(f) from dreamlit._check_definition(p_definition) as f));
  v_definition := p_definition - 'references';
  v_references := dreamlit._read_references(p_definition);

  select * into v_begun from dreamlit._begin_version(v_definition, current_user);
  if v_begun.unchanged then
    if p_sandbox then
      perform dreamlit.set_sandbox(v_definition ->> 'workflow', true);
    end if;
    return query select v_definition ->> 'workflow', v_begun.version, false;
    return;
  end if;

  v_compiled := dreamlit._compile_version(p_search_path, v_begun.version, v_definition, v_references);
  perform dreamlit._raise_faults(p_definition, (v_compiled -> 'faults') || (
    select coalesce(jsonb_agg(f), '[]') from dreamlit._check_compliance(v_definition, v_references) as f));
  perform dreamlit._save_version(
    v_begun.workflow_id, v_begun.version_id, v_begun.version, v_definition, current_user, v_compiled, v_references, p_search_path);
  if not p_watch then
    return query select v_definition ->> 'workflow', v_begun.version, true;
    return;
  end if;
  perform dreamlit._watch_table(v_definition, v_begun.version_id, v_begun.version, v_begun.previous, v_compiled);
  if p_sandbox then
    perform dreamlit.set_sandbox(v_definition ->> 'workflow', true);
  end if;
  return query select v_definition ->> 'workflow', v_begun.version, true;
end;
$$;
comment on function dreamlit._publish(jsonb, text, boolean, boolean) is
  'What publish does, under a pinned path; p_search_path is the caller''s, for the definition''s SQL. Without p_watch the table''s triggers '
  'stay as they are: for a preview, which is undone.';
grant execute on function dreamlit._publish(jsonb, text, boolean, boolean) to dreamlit_admin;
