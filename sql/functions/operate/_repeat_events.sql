-- The event of each run once more, for a version that may be another: its key is asked anew, its condition is not.
create or replace function dreamlit._repeat_events(p_run_ids bigint[], p_workflow text, p_version dreamlit._versions)
returns table (run_id bigint, operation text, event jsonb, missing text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_ids bigint[];
  v_items jsonb[];
  v_keys jsonb := '{}';
begin
  select array_agg(r.run_id), array_agg(r.payload || jsonb_build_object('new', case when r.operation <> 'delete' then r.payload -> 'trigger' end))
  into v_ids, v_items
  from (
    select r.run_id, r.operation, r.payload from dreamlit._runs as r where r.run_id = any (p_run_ids)
    union all
    select h.run_id, h.operation, h.payload from dreamlit._run_history as h where h.run_id = any (p_run_ids)
  ) as r;
  if p_version.definition -> 'trigger' ? 'key' then
    execute format('select coalesce(jsonb_object_agg(k.item_id, k.result), ''{}'') from %s($1, $2) as k', dreamlit._compiled(
      dreamlit._object_name(p_workflow, p_version.version, 'key_items'), p_version.publisher))
    into v_keys using v_ids, v_items;
  end if;
  return query
    select r.run_id, r.operation,
      r.payload || case when p_version.definition -> 'trigger' ? 'key' then jsonb_build_object('key', v_keys -> r.run_id::text) else '{}' end,
      (
        select string_agg(a.attname, ', ' order by a.attnum) from pg_attribute as a
        where a.attnum > 0 and not a.attisdropped and (
          a.attrelid = to_regclass(dreamlit._object_name(p_workflow, p_version.version, 'trigger')) and not coalesce(r.payload -> 'trigger' ? a.attname, false)
          or a.attrelid = to_regclass(dreamlit._object_name(p_workflow, p_version.version, 'old')) and r.operation in ('update', 'delete')
            and not coalesce(r.payload -> 'old' ? a.attname, false)))
    from (
      select r.run_id, r.operation, r.payload from dreamlit._runs as r where r.run_id = any (p_run_ids)
      union all
      select h.run_id, h.operation, h.payload from dreamlit._run_history as h where h.run_id = any (p_run_ids)
    ) as r;
end;
$$;
comment on function dreamlit._repeat_events(bigint[], text, dreamlit._versions) is
  'Returns the events of runs as a version would take them; missing names the columns that it reads and the run did not capture.';
