create or replace function dreamlit._engage_setting_fault(p_name text, p_value jsonb) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_keys constant text[] := case when jsonb_typeof(p_value) = 'object' then array(select jsonb_object_keys(p_value) as k order by k) end;
  v_hint constant text := case p_name
    when 'public_url' then 'write https://mail.example.com, without a query and with http only for this machine, or null'
    when 'track' then 'write {"opens": true, "clicks": false}'
    when 'machine_seconds' then 'write a number of seconds from 0 to 3600'
    when 'soft_bounces' then 'write {"count": 3, "within": "7 days"}, at most 30 days'
    when 'frequency_cap' then 'write {"count": 5, "per": "1 day"}, at most 1000 and 30 days, or null for none'
    when 'quiet_hours' then 'write {"from": "22:00", "to": "08:00", "zone": "Europe/Berlin"}, or null for none' end;
begin
  if p_value = 'null' and p_name in ('public_url', 'frequency_cap', 'quiet_hours') then
    return null;
  end if;
  return case when coalesce(case p_name
    when 'public_url' then jsonb_typeof(p_value) = 'string' and (p_value #>> '{}') ~
      '^(https://[a-z0-9.-]+|http://(localhost|127\.[0-9.]+|\[::1\]))(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$'
    when 'track' then v_keys = array['clicks', 'opens'] and not exists (select from jsonb_each(p_value) as e where jsonb_typeof(e.value) <> 'boolean')
    when 'machine_seconds' then jsonb_typeof(p_value) = 'number' and (p_value #>> '{}')::numeric between 0 and 3600
    when 'soft_bounces' then v_keys = array['count', 'within'] and dreamlit._is_rate(p_value -> 'count', p_value -> 'within')
    when 'frequency_cap' then v_keys = array['count', 'per'] and dreamlit._is_rate(p_value -> 'count', p_value -> 'per')
    when 'quiet_hours' then v_keys = array['from', 'to', 'zone'] and dreamlit._is_zone(p_value ->> 'zone')
      and p_value ->> 'from' ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$' and p_value ->> 'to' ~ '^([01][0-9]|2[0-3]):[0-5][0-9]$'
      and p_value -> 'from' <> p_value -> 'to'
    end, false) then null else v_hint end;
end;
$$;
comment on function dreamlit._engage_setting_fault(text, jsonb) is
  'Returns what to write instead of a wrong value of a setting about engagement; null for a right one.';
