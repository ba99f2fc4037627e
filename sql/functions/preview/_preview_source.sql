create or replace function dreamlit._preview_source(p_name text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with version as (
    select v.version_id, v.definition, n.trigger_type, n.old_type, n.anchor, coalesce((
      select d.refobjid::regclass from pg_depend as d
      where d.classid = 'pg_proc'::regclass and d.objid = to_regprocedure(n.anchor || '()') and d.refclassid = 'pg_class'::regclass
        and d.refobjsubid > 0
      limit 1), to_regclass(v.trigger_table)) as watched
    from dreamlit._workflow(p_name) as w
    cross join lateral dreamlit._version_of(w, null) as v
    cross join lateral (
      select dreamlit._object_name(w.name, v.version, 'trigger') as trigger_type, dreamlit._object_name(w.name, v.version, 'old') as old_type,
        dreamlit._object_name(w.name, v.version, 'columns') as anchor) as n
  ), captured as (
    select v.trigger_type, v.old_type, a.key, c.attname as column_name
    from version as v
    cross join lateral dreamlit._anchor_columns(v.anchor) as a
    join pg_attribute as c on c.attrelid = v.watched and c.attnum = a.column_number
    union
    -- The anchor comes with the triggers: a definition that is only previewed has none, and names of now.
    select v.trigger_type, v.old_type, k.key, k.key
    from version as v cross join lateral unnest(dreamlit._type_columns(v.trigger_type) || dreamlit._type_columns(v.old_type)) as k(key)
    where v.watched is not null and to_regprocedure(v.anchor || '()') is null
  )
  select jsonb_build_object(
    'table', v.watched,
    'operations', dreamlit._as_list(v.definition #> '{trigger,on}'),
    'key', case when v.watched is not null then to_jsonb(dreamlit._primary_key(v.watched)) end,
    'trigger', (select coalesce(jsonb_object_agg(c.key, c.column_name), '{}') from captured as c where c.key = any (dreamlit._type_columns(c.trigger_type))),
    'old', (select jsonb_object_agg(c.key, c.column_name) from captured as c where c.key = any (dreamlit._type_columns(c.old_type))))
  from version as v;
$$;
comment on function dreamlit._preview_source(text) is
  'Returns what a workflow''s published version reads of its table: {"table", "operations", "key", "trigger", "old"}, the last two with '
  'today''s name of each captured column; table is null for a workflow that is started by a call. Raises DL002 or DL003.';
grant execute on function dreamlit._preview_source(text) to dreamlit_admin;
