-- The publisher's SQL means what it means under the publisher's search_path; only here does that path rule.
create or replace function dreamlit._run_ddl(p_search_path text, p_sql text) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform set_config('search_path', p_search_path, true);
  execute p_sql;
end;
$$;
comment on function dreamlit._run_ddl(text, text) is 'Runs one statement as the caller under the given search_path.';
grant execute on function dreamlit._run_ddl(text, text) to dreamlit_admin;
