create or replace function dreamlit._without_suppressed(p_content jsonb) returns jsonb
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_content || jsonb_build_object('cc', k.cc, 'bcc', k.bcc)
  from (
    select
      coalesce(jsonb_agg(a.address order by a.n) filter (where a.field = 'cc'), '[]') as cc,
      coalesce(jsonb_agg(a.address order by a.n) filter (where a.field = 'bcc'), '[]') as bcc
    from (
      select f.field, e.address, e.n
      from unnest(array['cc', 'bcc']) as f(field)
      cross join jsonb_array_elements_text(
        case when jsonb_typeof(p_content -> f.field) = 'array' then p_content -> f.field else '[]' end)
        with ordinality as e(address, n)
    ) as a
    where not exists (select from dreamlit._suppressions as s where s.address_hash = dreamlit._address_hash(a.address))
  ) as k;
$$;
comment on function dreamlit._without_suppressed(jsonb) is
  'Returns an email''s content without the suppressed addresses in cc and bcc.';
