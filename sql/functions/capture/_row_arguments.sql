create or replace function dreamlit._row_arguments(p_operation text, p_capture jsonb, p_names text[], p_new text, p_old text)
returns table (trigger_row text, new_row text, old_row text)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select
    dreamlit._row_sql(p_capture -> 'columns', p_names, case when p_operation = 'delete' then p_old else p_new end, p_capture ->> 'type'),
    case when p_operation = 'delete' then 'null::' || replace(p_capture ->> 'type', '%', '%%')
      else dreamlit._row_sql(p_capture -> 'columns', p_names, p_new, p_capture ->> 'type') end,
    case when p_operation = 'insert' then 'null::' || replace(p_capture ->> 'old_type', '%', '%%')
      else dreamlit._row_sql(p_capture -> 'old_columns', p_names, p_old, p_capture ->> 'old_type') end;
$$;
comment on function dreamlit._row_arguments(text, jsonb, text[], text, text) is
  'Returns the expressions for trigger, new and old of one operation; trigger is the new row, on delete the old one.';
grant execute on function dreamlit._row_arguments(text, jsonb, text[], text, text) to dreamlit_admin;
