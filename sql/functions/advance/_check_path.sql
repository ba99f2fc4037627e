-- SET in a function that a workflow's SQL calls outlives the pins of all the functions around it, and what the engine does next
-- would find the publisher's functions first. An error undoes it. Not pinned, for its own pin would hide what it looks at.
create or replace function dreamlit._check_path() returns void
language plpgsql as $$
begin
  if pg_catalog.current_setting('search_path') operator(pg_catalog.<>) 'pg_catalog, pg_temp' then
    raise exception using errcode = 'DL004', message = 'a workflow''s SQL changed the search_path',
      hint = 'use SET LOCAL in the function that it calls';
  end if;
end;
$$;
comment on function dreamlit._check_path() is
  'Raises DL004 if the caller''s pinned search_path is no longer in force. Call it after every call of a compiled function.';
