-- A trigger function replaced by a newer release's text takes no lock on the user's table. Columns keep the keys that they had when
-- the version was published, whatever they are called by now.
create or replace function dreamlit._renewed_capture() returns table (publisher name, sql text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select v.publisher, case when t.tgtype & 1 = 1
    then dreamlit._row_trigger_function(n.name, o.operation, v.version_id, n.event, n.anchor, k.capture, t.tgrelid, c.keys, c.numbers)
    else dreamlit._statement_trigger_function(n.name, o.operation, v.version_id, n.event, n.anchor, k.capture, t.tgrelid, c.keys, c.numbers) end
  from dreamlit._workflows as w
  join dreamlit._versions as v on v.version_id = w.version_id
  cross join unnest(v.operations) as o(operation)
  cross join lateral (
    select dreamlit._trigger_function_name(w.name, o.operation) as name, dreamlit._object_name(w.name, v.version, 'event') as event,
      dreamlit._object_name(w.name, v.version, 'columns') as anchor
  ) as n
  join pg_trigger as t on t.tgfoid = to_regprocedure(n.name || '()') and t.tgparentid = 0
  cross join lateral (
    select coalesce(array_agg(a.key order by a.column_number), '{}') as keys,
      coalesce(array_agg(a.column_number::integer order by a.column_number), '{}') as numbers
    from dreamlit._anchor_columns(n.anchor) as a
  ) as c
  cross join lateral (
    select dreamlit._captured(w.name, v.version) || jsonb_build_object(
      'when', case when v.definition -> 'trigger' ? 'when' then dreamlit._object_name(w.name, v.version, 'when') end,
      'key', case when v.definition -> 'trigger' ? 'key' then dreamlit._object_name(w.name, v.version, 'key') end) as capture
  ) as k
  where w.state <> 'unpublished' and to_regprocedure(n.anchor || '()') is not null;
$$;
comment on function dreamlit._renewed_capture() is
  'Returns the SQL that gives each published workflow''s trigger functions the text of this release, with their publisher.';
