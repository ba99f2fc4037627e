create or replace function dreamlit._topic_hint(p_topic text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select concat_ws(' Or ', case when exists (select from dreamlit._topics)
      then dreamlit._did_you_mean(p_topic, array(select t.topic from dreamlit._topics as t order by t.topic)) end,
    format('make it: select dreamlit.set_topic(%L, ''What people read'')', left(p_topic, 40)));
$$;
comment on function dreamlit._topic_hint(text) is 'Returns the hint for a topic that is not there: the nearest one, or how to make it.';
