create or replace function dreamlit.preview(
  name text, row_key text default null, payload jsonb default null, step text default null, all_branches boolean default false)
returns table (step text, channel text, content jsonb, error jsonb, context jsonb, marks jsonb, templates jsonb)
language sql set search_path = pg_catalog, pg_temp as $$
  select p.value ->> 'step', p.value ->> 'channel', p.value -> 'content', p.value -> 'error', p.value -> 'context', p.value -> 'marks', p.value -> 'templates'
  from jsonb_array_elements(dreamlit._preview($1, dreamlit._preview_event($1, $2, $3), $4, $5)) with ordinality as p(value, n)
  order by p.n;
$$;
comment on function dreamlit.preview(text, text, jsonb, text, boolean) is
  'Returns the messages that a published workflow would make of a row now: the row with that primary key (as text, a JSON object for one of several columns), '
  'the newest one, or a payload given by hand. Nothing is sent or kept; waits are over at once, conditions decide as they would now, or '
  'all branches are taken. A row has content or error, or where the senders render context, marks and, the first of a step, templates. At most 25 a step. The '
  'caller needs SELECT on what the workflow captures. Raises DL001 for a wrong key or payload, DL002 for an unknown workflow, row or step, DL003 if it is not published.';
grant execute on function dreamlit.preview(text, text, jsonb, text, boolean) to dreamlit_admin;
