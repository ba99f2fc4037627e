-- An item carries an object for each fan-out that it came through, and a list for each collected query.
create or replace function dreamlit._item_obstacle(p_version integer, p_step text, p_queries jsonb, p_item jsonb) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(
    (
      select case when q.asked then format('the rows of query %s lack the column %s of version %s', q.name, q.lacks, p_version)
        else format('version %s has the query %s above step %s, which was not asked for it', p_version, q.name, p_step) end
      from (
        select q.key as name, coalesce(jsonb_typeof(p_item -> q.key) = q.value ->> 'shape', false) as asked, dreamlit._missing_key(
          case q.value ->> 'shape' when 'array' then p_item -> q.key -> 0 else p_item -> q.key end,
          case when p_item -> q.key <> '[]' then array(select jsonb_array_elements_text(q.value -> 'columns')) end) as lacks
        from jsonb_each(p_queries) as q
      ) as q
      where not q.asked or q.lacks is not null
      order by q.name limit 1
    ), (
      select format('version %s has no query %s above step %s: each of its rows would go on by itself', p_version, i.key, p_step)
      from jsonb_each(p_item) as i
      where jsonb_typeof(i.value) = 'object' and not p_queries ? i.key
      order by i.key limit 1
    ));
$$;
comment on function dreamlit._item_obstacle(integer, text, jsonb, jsonb) is
  'Returns why a task''s item does not fit a step below these queries in that version; null if it does.';
