create or replace function dreamlit._setting_fault(p_name text, p_value jsonb) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  case
    when p_name = 'batch' then
      if jsonb_typeof(p_value) <> 'number' or (p_value #>> '{}')::numeric not between 1 and 100000 or (p_value #>> '{}')::numeric % 1 <> 0 then
        return 'write a whole number from 1 to 100000';
      end if;
    when p_name = 'renderer' then
      if p_value not in ('"database"', '"sender"') or (p_value = '"database"' and to_regprocedure('dreamlit._run_python(text, jsonb)') is null) then
        return 'use "sender", or "database" where plpython3u was there at installation';
      end if;
    when p_name = 'capture_replicated' then
      if jsonb_typeof(p_value) <> 'boolean' then
        return 'write true or false';
      end if;
    when p_name in ('alert_email', 'alert_slack') then
      if p_value <> 'null' and (jsonb_typeof(p_value) <> 'string' or (p_value #>> '{}') !~ case p_name
          when 'alert_email' then '^[^[:space:][:cntrl:]<>,;@"]+@[^[:space:][:cntrl:]<>,;@"]+$' else '^[^[:space:][:cntrl:]]+$' end) then
        return 'write one address or one channel, or null for none';
      end if;
    when p_name = 'slack_pace' then
      if jsonb_typeof(p_value) <> 'string' or (p_value #>> '{}')::interval not between interval '0' and interval '1 hour' then
        return 'write an interval of up to an hour such as "1 second", "0 seconds" for no pace';
      end if;
    when p_name in ('public_url', 'track', 'machine_seconds', 'soft_bounces', 'frequency_cap', 'quiet_hours') then
      return dreamlit._engage_setting_fault(p_name, p_value);
    when p_name like 'keep\_%' and p_value = 'null' and p_name not in ('keep_history', 'keep_failed_versions') then
      return null;
    else
      if jsonb_typeof(p_value) <> 'string' or (p_value #>> '{}')::interval <= interval '0' then
        return 'write an interval such as "60 seconds" or "90 days"';
      end if;
  end case;
  return null;
exception when data_exception then
  return 'write an interval such as "60 seconds" or "90 days"';
end;
$$;
comment on function dreamlit._setting_fault(text, jsonb) is 'Returns what to write instead of a setting''s wrong value; null for a right one.';
