create or replace function dreamlit.brand() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select d.defaults || coalesce(b.brand, '{}') || jsonb_build_object(
    'colours', d.defaults -> 'colours' || coalesce(b.brand -> 'colours', '{}'), 'fonts', d.defaults -> 'fonts' || coalesce(b.brand -> 'fonts', '{}'))
  from (select dreamlit._brand_defaults() as defaults) as d left join dreamlit._brand as b on true;
$$;
comment on function dreamlit.brand() is 'Returns the brand with every key; one that nobody set has its default, null for most.';
grant execute on function dreamlit.brand() to dreamlit_admin, dreamlit_reader, dreamlit_sender;
