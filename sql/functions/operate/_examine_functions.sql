create or replace function dreamlit._examine_functions(p_version_id bigint, p_publisher name) returns table (state text, detail text, mend text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_function record;
begin
  for v_function in
    select s.name as step, f.name from dreamlit._steps as s cross join unnest(array[s.if_function, s.sql_function]) as f(name)
    where s.version_id = p_version_id and f.name is not null order by s.position
  loop
    begin
      execute format('select from %s(''{}''::bigint[], ''{}''::jsonb[])', dreamlit._compiled(v_function.name, p_publisher));
      perform dreamlit._check_path();
    exception when others then
      return query select 'critical', format('step %s cannot run: %s', v_function.step, sqlerrm),
        case sqlstate when '42501' then format('give %I the right back, or publish as another role', p_publisher) else 'publish it again' end;
    end;
  end loop;
end;
$$;
comment on function dreamlit._examine_functions(bigint, name) is
  'Calls a version''s compiled functions with no items and returns what fails: rights lost, functions altered or gone.';
