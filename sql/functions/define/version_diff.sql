create or replace function dreamlit.version_diff(name text, from_version integer, to_version integer)
returns table (place text, before jsonb, after jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  with recursive pairs as (
    select '' as place,
      dreamlit._by_name((dreamlit._stored_version(name, from_version)).definition) as before,
      dreamlit._by_name((dreamlit._stored_version(name, to_version)).definition) as after
    union all
    select case p.place when '' then k.key when 'steps' then format('steps[%s]', k.key) when 'files' then format('files[%s]', k.key)
        else p.place || '.' || k.key end,
      p.before -> k.key, p.after -> k.key
    from pairs as p
    cross join lateral (
      select b.key from jsonb_object_keys(case when jsonb_typeof(p.before) = 'object' then p.before else '{}' end) as b(key)
      union
      select a.key from jsonb_object_keys(case when jsonb_typeof(p.after) = 'object' then p.after else '{}' end) as a(key)
    ) as k
    where jsonb_typeof(p.before) = 'object' and jsonb_typeof(p.after) = 'object' and p.before <> p.after
  )
  select p.place, p.before, p.after
  from pairs as p
  where p.before is distinct from p.after and not coalesce(jsonb_typeof(p.before) = 'object' and jsonb_typeof(p.after) = 'object', false)
  order by p.place collate "C";
$$;
comment on function dreamlit.version_diff(text, integer, integer) is
  'Returns what differs between two versions of a workflow, one row a place: steps[greet].email.subject, files[greet.html]. '
  'before is null for what is new, after for what is gone. Steps are matched by their ids and files by their names; each step is '
  'shown with the parent that it has in effect. No row: no difference. Raises DL002 for an unknown version.';
grant execute on function dreamlit.version_diff(text, integer, integer) to dreamlit_admin, dreamlit_reader;
