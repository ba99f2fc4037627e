-- Neither renderer can read JSON that is nested without end: such an item fails here, or it would fail its whole batch.
create or replace function dreamlit._advance_message(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_task_ids bigint[] := p_task_ids;
  v_items jsonb[] := p_items;
  v_deep bigint[] := array(
    -- A level of jsonb takes eight bytes or more, so most items need no closer look.
    select u.task_id from unnest(p_task_ids, p_items) as u(task_id, item)
    where pg_column_size(u.item) > 800 and jsonb_path_exists(u.item, '$.**{101}') order by u.task_id);
begin
  if v_deep <> '{}' then
    perform dreamlit._settle(v_deep, 'failed', array_fill(jsonb_build_object(
      'step', p_step.name, 'code', 'limit', 'message', 'the data is nested more than 100 levels deep'), array[cardinality(v_deep)]));
    select coalesce(array_agg(u.task_id), '{}'), coalesce(array_agg(u.item), '{}') into v_task_ids, v_items
    from unnest(p_task_ids, p_items) as u(task_id, item) where u.task_id <> all (v_deep);
  end if;
  if v_task_ids = '{}' then
    return;
  elsif dreamlit._renderer() = 'database' then
    perform dreamlit._post_messages(p_step, v_task_ids, dreamlit._render(
      p_step.kind, dreamlit._templates(p_step.settings), dreamlit._template_files(p_step.version_id), to_jsonb(v_items)));
  else
    perform dreamlit._request_rendering(v_task_ids);
  end if;
end;
$$;
comment on function dreamlit._advance_message(dreamlit._steps, bigint[], jsonb[]) is
  'Renders a batch of email or Slack messages and posts them to the outbox, or asks a sender to render them; fails items that '
  'are nested too deeply to be read.';
