create or replace function dreamlit._person_runs(p_address text) returns bigint[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select array(
    select r.run_id from dreamlit._runs as r where r.payload::text ~* dreamlit._mentions(p_address) or r.key ~* dreamlit._mentions(p_address)
    union
    select h.run_id from dreamlit._run_history as h where h.payload::text ~* dreamlit._mentions(p_address) or h.key ~* dreamlit._mentions(p_address)
    order by 1);
$$;
comment on function dreamlit._person_runs(text) is 'Returns the runs whose captured payload or key mentions an address; reads the whole history.';
