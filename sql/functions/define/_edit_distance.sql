-- Levenshtein's distance, capped inputs; fuzzystrmatch is not there on every server.
create or replace function dreamlit._edit_distance(p_left text, p_right text) returns integer
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
  v_left text := left(p_left, 64);
  v_right text := left(p_right, 64);
  v_previous integer[] := array(select g from generate_series(0, length(v_right)) as g);
  v_current integer[];
begin
  for i in 1 .. length(v_left) loop
    v_current := array[i];
    for j in 1 .. length(v_right) loop
      v_current := v_current || least(
        v_previous[j + 1] + 1,
        v_current[j] + 1,
        v_previous[j] + case when substr(v_left, i, 1) = substr(v_right, j, 1) then 0 else 1 end);
    end loop;
    v_previous := v_current;
  end loop;
  return v_previous[length(v_right) + 1];
end;
$$;
comment on function dreamlit._edit_distance(text, text) is
  'Returns the Levenshtein distance of two words, of which it reads 64 characters.';
grant execute on function dreamlit._edit_distance(text, text) to dreamlit_admin;
