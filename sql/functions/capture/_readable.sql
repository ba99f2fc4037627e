-- A row that cannot become jsonb as a whole (a json column with \u0000, say) still gives the columns that can.
create or replace function dreamlit._readable(p_row anyelement) returns jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_readable jsonb := '{}';
  v_column name;
  v_value jsonb;
begin
  if p_row is not distinct from null then
    return null;
  end if;
  for v_column in
    select a.attname from pg_type as t join pg_attribute as a on a.attrelid = t.typrelid
    where t.oid = pg_typeof(p_row) and a.attnum > 0 and not a.attisdropped order by a.attnum
  loop
    begin
      execute format('select to_jsonb(($1).%I)', v_column) into v_value using p_row;
    exception when data_exception then
      v_value := null;
    end;
    v_readable := v_readable || jsonb_build_object(v_column, v_value);
  end loop;
  return v_readable;
end;
$$;
comment on function dreamlit._readable(anyelement) is 'Returns a row as jsonb with null for each column that jsonb cannot hold; null for null.';
