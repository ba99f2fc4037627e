create or replace function dreamlit._working_time(p_seconds integer) returns interval
language sql stable set search_path = pg_catalog, pg_temp as $$
  select least(
    make_interval(secs => p_seconds),
    (select make_interval(secs => 0.8 * s.setting::integer / 1000) from pg_settings as s where s.name = 'statement_timeout' and s.setting <> '0'));
$$;
comment on function dreamlit._working_time(integer) is
  'Returns how long a worker may work: as long as it was asked to, but well within the statement_timeout that its role or '
  'database sets.';
grant execute on function dreamlit._working_time(integer) to dreamlit_admin;
