create or replace function dreamlit._tell_alerts() returns integer
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  v_alert dreamlit._alerts;
  v_text record;
  v_told integer := 0;
begin
  for v_alert in select a.* from dreamlit._alerts as a where a.told_at is null and a.closed_at is null order by a.alert_id loop
    select t.* into v_text from dreamlit._alert_text(v_alert) as t;
    raise log '%', v_text.subject using detail = v_text.body;
    update dreamlit._alerts as a set told_at = dreamlit._now() where a.alert_id = v_alert.alert_id;
    perform dreamlit._post_alert(v_text.subject, v_text.body);
    v_told := v_told + 1;
  end loop;
  return v_told;
end;
$$;
comment on function dreamlit._tell_alerts() is
  'Posts the open alerts that were not told to the configured address and channel, and writes them to the server''s log; returns how many.';
