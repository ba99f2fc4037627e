create or replace function dreamlit._did_you_mean(p_word text, p_words text[]) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case
    when dreamlit._nearest(p_word, p_words) is not null then format('did you mean %s?', dreamlit._nearest(p_word, p_words))
    when cardinality(p_words) = 0 then 'there is none to choose from'
    else format('use one of: %s', array_to_string(p_words, ', '))
  end;
$$;
comment on function dreamlit._did_you_mean(text, text[]) is
  'Returns the hint for a word that is not among p_words: the nearest one, or all of them.';
grant execute on function dreamlit._did_you_mean(text, text[]) to dreamlit_admin;
