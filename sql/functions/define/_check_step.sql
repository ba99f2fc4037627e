-- One step's own shape; how steps hang together is for _check_tree.
create or replace function dreamlit._check_step(p_place text, p_kind text, p_step jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_common constant text[] := array['id', 'after', 'if'];
  c_sending constant text[] := array['lane', 'attempts', 'when_uncertain'];
  c_kinds constant text[] := array['wait', 'query', 'email', 'slack'];
  v_kinds text[] := array(select k.kind from unnest(c_kinds) as k(kind) where p_step ? k.kind);
begin
  if cardinality(v_kinds) > 1 then
    return next (p_place, format('the step is %s at once', array_to_string(v_kinds, ' and ')), 'make it one step each')::dreamlit._fault;
    return;
  end if;
  if p_kind is null then
    return next (p_place, 'the step does nothing', format('give it one of: %s, if', array_to_string(c_kinds, ', ')))::dreamlit._fault;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_step, c_common || case p_kind
    when 'query' then array['query', 'collect', 'attempts']
    when 'wait' then array['wait', 'attempts']
    when 'email' then 'email'::text || c_sending
    when 'slack' then 'slack'::text || c_sending
    when 'if' then array['attempts']
    else c_kinds || c_sending || array['collect'] end, array['id']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_step, array['id', 'after', 'if', 'query']) as f;
  return query select f.* from dreamlit._check_step_options(p_place, p_step) as f;
  case p_kind
    when 'wait' then return query select f.* from dreamlit._check_wait(p_place || '.wait', p_step -> 'wait') as f;
    when 'email' then return query select f.* from dreamlit._check_email(p_place || '.email', p_step -> 'email') as f;
    when 'slack' then return query select f.* from dreamlit._check_slack(p_place || '.slack', p_step -> 'slack') as f;
    else null;
  end case;
end;
$$;
comment on function dreamlit._check_step(text, text, jsonb) is 'Returns the faults of one step''s keys and values.';
grant execute on function dreamlit._check_step(text, text, jsonb) to dreamlit_admin;
