create or replace function dreamlit.discard_messages(workflow text, reason text default 'sandbox', dry_run boolean default false) returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_ids constant bigint[] := dreamlit._held($1, $2, not $3);
begin
  if not dry_run and v_ids <> '{}' then
    perform dreamlit._discard_messages(v_ids, false);
  end if;
  return cardinality(v_ids);
end;
$$;
comment on function dreamlit.discard_messages(text, text, boolean) is
  'Settles all messages of a workflow that are held (reason sandbox or uncertain) without sending them and returns how many; with '
  'dry_run only counts. Raises DL002 for an unknown workflow.';
grant execute on function dreamlit.discard_messages(text, text, boolean) to dreamlit_admin;
