create or replace function dreamlit.test_alert() returns bigint[]
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_ids constant bigint[] := dreamlit._post_alert('[dreamlit] a test', format('This is how the database %s tells you of trouble.', current_database()));
begin
  if v_ids = '{}' then
    raise exception using errcode = 'DL003', message = 'nobody is set to be told', hint = 'select dreamlit.set_setting(''alert_email'', ''"you@example.com"'')';
  end if;
  return v_ids;
end;
$$;
comment on function dreamlit.test_alert() is
  'Tells the owner that this is a test, and returns the ids of the messages. Raises DL003 if neither alert_email nor alert_slack is set.';
grant execute on function dreamlit.test_alert() to dreamlit_admin;
