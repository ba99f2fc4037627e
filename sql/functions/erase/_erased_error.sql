create or replace function dreamlit._erased_error(p_error jsonb, p_mentions text) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select case when p_error::text ~* p_mentions
    then jsonb_strip_nulls(jsonb_build_object(
      'step', p_error -> 'step', 'fault', p_error -> 'fault', 'sqlstate', p_error -> 'sqlstate',
      'attempt', p_error -> 'attempt', 'message_id', p_error -> 'message_id', 'message', 'erased'))
    else p_error end;
$$;
comment on function dreamlit._erased_error(jsonb, text) is 'Returns an error without its words if they mention an address.';
