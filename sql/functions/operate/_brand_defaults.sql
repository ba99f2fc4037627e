-- Colours that can be read on each other, and fonts that every system has.
create or replace function dreamlit._brand_defaults() returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb '{
    "name": null, "url": null, "logo": null, "postal_address": null, "from": null, "reply_to": null,
    "colours": {"primary": "#1f5fbf", "on_primary": "#ffffff", "text": "#1f2933", "muted": "#5f6b7a", "background": "#f2f4f7", "surface": "#ffffff"},
    "fonts": {"heading": "Helvetica, Arial, sans-serif", "body": "Helvetica, Arial, sans-serif"}
  }';
$$;
comment on function dreamlit._brand_defaults() is 'Returns every key of the brand with its default.';
grant execute on function dreamlit._brand_defaults() to dreamlit_admin;
