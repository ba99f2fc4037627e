create or replace function dreamlit._postal_address() returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_address text;
begin
  if to_regprocedure('dreamlit.brand()') is not null then
    execute format('select dreamlit.%I() ->> %L', 'brand', 'postal_address') into v_address;
  end if;
  return v_address;
end;
$$;
comment on function dreamlit._postal_address() is 'Returns the brand''s postal address; null if there is none.';
