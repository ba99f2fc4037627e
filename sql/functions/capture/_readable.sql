-- A row that cannot become jsonb as a whole (a json column with \u0000, say) still gives the columns that can.
create or replace function dreamlit._readable(p_row json) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_readable jsonb := '{}';
  v_column record;
begin
  for v_column in select c.key, c.value from json_each(p_row) as c loop
    begin
      v_readable := v_readable || jsonb_build_object(v_column.key, v_column.value::jsonb);
    exception when data_exception then
      v_readable := v_readable || jsonb_build_object(v_column.key, null);
    end;
  end loop;
  return v_readable;
end;
$$;
comment on function dreamlit._readable(json) is 'Returns a row as jsonb with null for each column that jsonb cannot hold.';
