create or replace function dreamlit._check_topic(p_topic text) returns text
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (select from dreamlit._topics as t where t.topic = p_topic) then
    raise exception using errcode = 'DL002', message = format('there is no topic %s', coalesce(p_topic, 'null')), hint = dreamlit._topic_hint(p_topic);
  end if;
  return p_topic;
end;
$$;
comment on function dreamlit._check_topic(text) is 'Returns the topic; raises DL002 if there is none of this name.';
