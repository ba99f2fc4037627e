create or replace function dreamlit._events_in(p_headers jsonb) returns integer
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case when jsonb_typeof(p_headers -> 'events') = 'number' then greatest(least((p_headers -> 'events')::numeric, 1000000), 1)::integer else 1 end;
$$;
comment on function dreamlit._events_in(jsonb) is
  'Returns how many events a message of the event queue says that it carries: one, unless its headers tell more.';
