create or replace function dreamlit.redirect(name text, email text default null, slack text default null) returns jsonb
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflow dreamlit._workflows := dreamlit._workflow($1);
  v_redirect constant jsonb := nullif(jsonb_strip_nulls(jsonb_build_object('email', $2, 'slack', $3)), '{}');
begin
  if $2 !~ '^[^[:space:][:cntrl:]<>,;@"]+@[^[:space:][:cntrl:]<>,;@"]+$' then
    raise exception using errcode = 'DL001', message = format('%s is no address', $2), hint = 'write one bare address: you@example.com';
  elsif $3 ~ '[[:space:][:cntrl:]]' or $3 = '' then
    raise exception using errcode = 'DL001', message = format('%s is no Slack channel', $3), hint = 'write a name or an id: #test';
  end if;
  update dreamlit._workflows as w set redirect = v_redirect where w.workflow_id = v_workflow.workflow_id;
  perform dreamlit._audit('redirect', v_workflow.workflow_id, p_detail => jsonb_build_object('email', $2 is not null, 'slack', $3 is not null));
  return v_redirect;
end;
$$;
comment on function dreamlit.redirect(text, text, text) is
  'Sends all email of a workflow to one address and all its Slack messages to one channel from now on; what is null goes to its '
  'recipients, so dreamlit.redirect(name) ends it. Messages that were rendered before keep their recipients; the header '
  'X-Original-To says whom an email was meant for. Returns {"email", "slack"}, null for no redirect. Raises DL001 for an address '
  'or channel that is none, DL002 for an unknown workflow.';
grant execute on function dreamlit.redirect(text, text, text) to dreamlit_admin;
