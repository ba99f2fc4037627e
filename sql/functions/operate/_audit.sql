create or replace function dreamlit._audit(
  p_action text, p_workflow_id bigint default null, p_run_id bigint default null, p_message_id bigint default null, p_detail jsonb default null)
returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into dreamlit._audit_log (at, actor, action, workflow_id, run_id, message_id, detail)
  values (dreamlit._now(), session_user, p_action, p_workflow_id, p_run_id, p_message_id, p_detail);
$$;
comment on function dreamlit._audit(text, bigint, bigint, bigint, jsonb) is
  'Logs what somebody did; no addresses (but their salted hashes) and no payloads in the detail, for it outlives both.';
