create or replace function dreamlit._workflow(p_name text) returns dreamlit._workflows
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows;
begin
  select w.* into v_workflow from dreamlit._workflows as w where w.name = p_name;
  if not found then
    raise exception using errcode = 'DL002', message = format('there is no workflow %s', p_name),
      hint = dreamlit._did_you_mean(p_name, array(select w.name from dreamlit._workflows as w order by w.name));
  end if;
  return v_workflow;
end;
$$;
comment on function dreamlit._workflow(text) is
  'Returns the workflow of that name; raises DL002 with the nearest name if there is none.';
