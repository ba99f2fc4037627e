create or replace function dreamlit._nearest(p_word text, p_words text[]) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select w.word
  from (select word, dreamlit._edit_distance(lower(p_word), lower(word)) as distance from unnest(p_words) as u(word)) as w
  where w.distance <= greatest(1, least(length(p_word), 64) / 2)
  order by w.distance, w.word
  limit 1;
$$;
comment on function dreamlit._nearest(text, text[]) is 'Returns the word of p_words nearest to p_word, or null if none is near.';
grant execute on function dreamlit._nearest(text, text[]) to dreamlit_admin;
