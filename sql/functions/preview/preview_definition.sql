-- Not pinned, as publish: names in the definition's SQL mean what they mean to the caller; what it calls is pinned.
create or replace function dreamlit.preview_definition(
  definition jsonb, row_key text default null, payload jsonb default null, step text default null, all_branches boolean default false)
returns table (step text, channel text, content jsonb, error jsonb, context jsonb, marks jsonb, templates jsonb)
language sql as $$
  select p.value operator(pg_catalog.->>) 'step', p.value operator(pg_catalog.->>) 'channel', p.value operator(pg_catalog.->) 'content',
    p.value operator(pg_catalog.->) 'error', p.value operator(pg_catalog.->) 'context',
    p.value operator(pg_catalog.->) 'marks', p.value operator(pg_catalog.->) 'templates'
  from pg_catalog.jsonb_array_elements(dreamlit._preview_definition(
    $1, pg_catalog.current_setting('search_path'), $2, $3, $4, $5)) with ordinality as p(value, n)
  order by p.n;
$$;
comment on function dreamlit.preview_definition(jsonb, text, jsonb, text, boolean) is
  'Returns what dreamlit.preview would after publishing this definition; nothing is published. Raises what publish and preview raise.';
grant execute on function dreamlit.preview_definition(jsonb, text, jsonb, text, boolean) to dreamlit_admin;
