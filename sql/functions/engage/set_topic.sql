create or replace function dreamlit.set_topic(name text, title text, description text default null) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_new boolean;
begin
  if $1 is null or $1 !~ '^[a-z][a-z0-9_-]{0,39}$' then
    raise exception using errcode = 'DL001', message = format('%s is no name of a topic', coalesce($1, 'null')),
      hint = 'use lower-case letters, digits, - and _, a letter first, at most 40';
  elsif $2 is null or btrim($2) = '' or $2 ~ '[[:cntrl:]]' or length($2) > 100 then
    raise exception using errcode = 'DL001', message = format('%s is no title', coalesce(quote_literal($2), 'null')),
      hint = 'write what people read on the preferences page: one line, at most 100 characters';
  elsif length($3) > 500 then
    raise exception using errcode = 'DL001', message = format('the description has %s characters', length($3)), hint = 'write at most 500';
  end if;
  insert into dreamlit._topics as t (topic, title, description, created_at, changed_at)
  values ($1, btrim($2), $3, dreamlit._now(), dreamlit._now())
  on conflict on constraint _topics_pkey do update set title = excluded.title, description = excluded.description, changed_at = excluded.changed_at
  returning t.xmax = 0 into v_new;
  perform dreamlit._audit('set topic', p_detail => jsonb_build_object('topic', $1));
  return v_new;
end;
$$;
comment on function dreamlit.set_topic(text, text, text) is
  'Makes a topic, which emails may name and people may turn off, or gives it another title and description; returns whether it is '
  'new. Raises DL001 for a name or a title that cannot be one.';
grant execute on function dreamlit.set_topic(text, text, text) to dreamlit_admin;
