-- What stands in style attributes must not end them; what stands in headers has one line.
create or replace function dreamlit._check_brand(p_brand jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_defaults constant jsonb := dreamlit._brand_defaults();
  v_entry record;
begin
  if p_brand is null or jsonb_typeof(p_brand) <> 'object' then
    return next ('brand', 'the brand is no mapping', 'write {"name": "Example", "postal_address": "…"}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys('brand', p_brand, array(select jsonb_object_keys(v_defaults))) as f;
  for v_entry in select e.key, e.value from jsonb_each(p_brand) as e where v_defaults ? e.key and e.value <> 'null' loop
    if v_entry.key in ('colours', 'fonts') then
      if jsonb_typeof(v_entry.value) <> 'object' then
        return next ('brand.' || v_entry.key, format('%s is no mapping', v_entry.key), 'write {"primary": "#1f5fbf"}')::dreamlit._fault;
        continue;
      end if;
      return query select f.* from dreamlit._check_keys(
        'brand.' || v_entry.key, v_entry.value, array(select jsonb_object_keys(v_defaults -> v_entry.key))) as f;
      return query
        select format('brand.%s.%s', v_entry.key, e.key), format('%s cannot stand in a style', e.value),
          case v_entry.key when 'colours' then 'write a colour such as #1f5fbf' else 'write fonts such as Georgia, serif' end
        from jsonb_each(v_entry.value) as e
        where jsonb_typeof(e.value) <> 'string'
          or e.value #>> '{}' !~ case v_entry.key when 'colours' then '^(#[0-9a-fA-F]{3,8}|[a-zA-Z]+)$' else '^[a-zA-Z0-9 ,''-]{1,200}$' end;
    elsif jsonb_typeof(v_entry.value) <> 'string' or btrim(v_entry.value #>> '{}') = '' then
      return next ('brand.' || v_entry.key, format('%s is no text', v_entry.value), 'write a text, or null for none')::dreamlit._fault;
    elsif v_entry.key in ('url', 'logo') and v_entry.value #>> '{}' !~ '^https?://[^[:space:]"<>]+$' then
      return next ('brand.' || v_entry.key, format('%s is no address of the web', v_entry.value), 'write https://…')::dreamlit._fault;
    elsif v_entry.key <> 'postal_address' and v_entry.value #>> '{}' ~ '[[:cntrl:]]' then
      return next ('brand.' || v_entry.key, format('%s has more than one line', v_entry.key), 'write it in one line')::dreamlit._fault;
    elsif v_entry.key in ('from', 'reply_to') and v_entry.value #>> '{}' !~ '[^[:space:]<>@,;]+@[^[:space:]<>@,;]+' then
      return next ('brand.' || v_entry.key, format('%s is no address', v_entry.value), 'write Example <hello@example.com>')::dreamlit._fault;
    end if;
  end loop;
end;
$$;
comment on function dreamlit._check_brand(jsonb) is 'Returns the faults of a brand: unknown keys, wrong types, what would break a style or a header.';
