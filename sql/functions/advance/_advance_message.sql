create or replace function dreamlit._advance_message(p_step dreamlit._steps, p_task_ids bigint[], p_items jsonb[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if dreamlit._renderer() = 'database' then
    perform dreamlit._post_messages(p_step, p_task_ids, dreamlit._render(
      p_step.kind, p_step.settings -> 'templates', dreamlit._template_files(p_step.version_id), to_jsonb(p_items)));
  else
    perform dreamlit._request_rendering(p_task_ids);
  end if;
end;
$$;
comment on function dreamlit._advance_message(dreamlit._steps, bigint[], jsonb[]) is
  'Renders a batch of email or Slack messages and posts them to the outbox, or asks a sender to render them.';
