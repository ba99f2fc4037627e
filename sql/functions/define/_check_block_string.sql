create or replace function dreamlit._check_block_string(p_place text, p_value jsonb, p_most integer) returns setof dreamlit._fault
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_place, format('it is %s, not a text', jsonb_typeof(p_value)), 'write it as a text' where jsonb_typeof(p_value) <> 'string'
  union all
  select p_place, 'it is empty', 'write at least one character' where p_value = '""'
  union all
  select p_place, format('it is %s characters long', length(p_value #>> '{}')), format('Slack takes at most %s: make it shorter', p_most)
  where jsonb_typeof(p_value) = 'string' and length(p_value #>> '{}') > p_most and p_value #>> '{}' !~ '\{[{%#]';
$$;
comment on function dreamlit._check_block_string(text, jsonb, integer) is
  'Returns the faults of a text in a block; what a template makes is measured when it is rendered.';
grant execute on function dreamlit._check_block_string(text, jsonb, integer) to dreamlit_admin;
