-- What the engine reads of a step. Lane: one message of one event is urgent, a fan-out's are bulk, unless the step says
-- otherwise.
create or replace function dreamlit._step_settings(p_kind text, p_step jsonb, p_below_query boolean) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'wait', case when p_kind = 'wait' and jsonb_typeof(p_step -> 'wait') = 'string' then p_step -> 'wait' end,
    'collect', case when p_kind = 'query' then coalesce(p_step -> 'collect', 'false') end,
    'templates', case when p_kind in ('email', 'slack') then p_step -> p_kind end,
    'lane', case when p_kind in ('email', 'slack')
      then coalesce(p_step -> 'lane', to_jsonb(case when p_below_query then 'bulk' else 'urgent' end)) end,
    'when_uncertain', case when p_kind in ('email', 'slack') then coalesce(p_step -> 'when_uncertain', '"hold"') end,
    'attempts', coalesce(p_step -> 'attempts', case p_kind when 'email' then '10' when 'slack' then '8' else '5' end::jsonb)));
$$;
comment on function dreamlit._step_settings(text, jsonb, boolean) is
  'Returns the settings of a step with their defaults: wait, collect, templates, lane, when_uncertain, attempts.';
grant execute on function dreamlit._step_settings(text, jsonb, boolean) to dreamlit_admin;
