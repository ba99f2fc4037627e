-- ROWS: by the usual thousand the planner would read all open tasks to find those of a few messages.
create or replace function dreamlit._address(p_channel text, p_content jsonb) returns table (recipient text, content jsonb)
language sql immutable rows 1 set search_path = pg_catalog, pg_temp as $$
  select coalesce(p_content ->> 'channel', p_content ->> 'to'), p_content where p_channel = 'slack'
  union all
  select a.recipient, p_content || jsonb_build_object('to', jsonb_build_array(a.recipient)) || case when a.n > 1 then '{"cc": [], "bcc": []}'::jsonb else '{}' end
  from (
    select t.recipient, row_number() over (order by min(t.n)) as n
    from jsonb_array_elements_text(case when p_channel = 'email' then p_content -> 'to' else '[]' end) with ordinality as t(recipient, n)
    group by t.recipient
  ) as a;
$$;
comment on function dreamlit._address(text, jsonb) is 'Returns a rendered content once for each of its recipients.';
