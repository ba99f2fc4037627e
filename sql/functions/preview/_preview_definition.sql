-- As _preview: the version and its functions are gone when this returns, and the table's triggers are never touched.
create or replace function dreamlit._preview_definition(
  p_definition jsonb, p_search_path text, p_row text, p_payload jsonb, p_step text, p_all boolean)
returns jsonb
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_found jsonb;
begin
  perform dreamlit._publish(p_definition, p_search_path, false, false);
  v_found := dreamlit._preview(p_definition ->> 'workflow', dreamlit._preview_event(p_definition ->> 'workflow', p_row, p_payload), p_step, p_all);
  raise exception using errcode = 'DL999', message = 'the preview is over';
exception when sqlstate 'DL999' then
  return v_found;
end;
$$;
comment on function dreamlit._preview_definition(jsonb, text, text, jsonb, text, boolean) is
  'Publishes a definition without its triggers, does _preview and undoes it all; p_search_path is the caller''s, for the definition''s SQL.';
grant execute on function dreamlit._preview_definition(jsonb, text, text, jsonb, text, boolean) to dreamlit_admin;
