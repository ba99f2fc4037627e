-- The choices stay: a topic that comes back under its name must not reach those who had turned it off.
create or replace function dreamlit.drop_topic(name text) returns text
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_workflows text;
begin
  perform dreamlit._check_topic($1);
  select string_agg(u.workflow, ', ' order by u.workflow) into v_workflows from (select distinct t.workflow from dreamlit._topic_uses() as t where t.topic = $1) as u;
  if v_workflows is not null then
    raise exception using errcode = 'DL003', message = format('topic %s is used by %s', $1, v_workflows), hint = 'publish them without it first';
  end if;
  delete from dreamlit._topics as t where t.topic = $1;
  perform dreamlit._audit('drop topic', p_detail => jsonb_build_object('topic', $1));
  return $1;
end;
$$;
comment on function dreamlit.drop_topic(text) is
  'Takes a topic away that no published workflow uses, and returns its name; what people chose is kept, should it come back. Raises '
  'DL002 for an unknown topic, DL003 for one in use.';
grant execute on function dreamlit.drop_topic(text) to dreamlit_admin;
