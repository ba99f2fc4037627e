-- One row's event with its own guard: what fails is kept with its error, and the run starts as failed.
create or replace function dreamlit._event_function(p_name text, p_capture jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select format($sql$
create function %1$s(p_trigger %2$s, p_new %2$s, p_old %3$s) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $event$
begin
  return case when %4$s then %5$s end;
exception when others then
  return pg_catalog.jsonb_build_object(
    'trigger', dreamlit._readable(p_trigger), 'old', dreamlit._readable(p_old),
    'error', pg_catalog.jsonb_build_object('sqlstate', sqlstate, 'message', sqlerrm));
end;
$event$ $sql$, p_name, p_capture ->> 'type', p_capture ->> 'old_type',
    dreamlit._when_sql(p_capture, 'p_trigger, p_new, p_old'), dreamlit._event_sql(p_capture, 'p_trigger', 'p_new', 'p_old'));
$$;
comment on function dreamlit._event_function(text, jsonb) is
  'Returns the SQL that creates a version''s event function: (trigger, new, old) to the event, null if the condition says no.';
grant execute on function dreamlit._event_function(text, jsonb) to dreamlit_admin;
