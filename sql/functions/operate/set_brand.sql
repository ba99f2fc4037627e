-- Messages that are rendered already keep the brand that they were rendered with.
create or replace function dreamlit.set_brand(brand jsonb) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_faults jsonb;
begin
  select jsonb_agg(f) into v_faults from dreamlit._check_brand($1) as f;
  if v_faults is not null then
    raise exception using errcode = 'DL001', detail = v_faults::text,
      message = format('%s: %s', v_faults #>> '{0,place}', v_faults #>> '{0,fact}'), hint = v_faults #>> '{0,hint}';
  end if;
  insert into dreamlit._brand (brand, set_at) values (jsonb_strip_nulls($1), dreamlit._now())
  on conflict (one) do update set brand = excluded.brand, set_at = excluded.set_at;
  perform dreamlit._audit('set brand');
  return dreamlit.brand();
end;
$$;
comment on function dreamlit.set_brand(jsonb) is
  'Replaces the brand that templates know as brand: name, url, logo, postal_address, from and reply_to (used where an email names '
  'none), colours (primary, on_primary, text, muted, background, surface) and fonts (heading, body). Returns it with the defaults '
  'of what it leaves out. Raises DL001 for unknown keys and wrong values.';
grant execute on function dreamlit.set_brand(jsonb) to dreamlit_admin;
