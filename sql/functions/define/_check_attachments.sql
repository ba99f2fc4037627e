create or replace function dreamlit._check_attachments(p_place text, p_attachments jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_one record;
begin
  if jsonb_typeof(p_attachments) <> 'array' or jsonb_array_length(p_attachments) > 20 then
    return next (p_place, 'attachments is no list of at most 20', 'write attachments: [{name: invoice.pdf, content: "{{ invoice.pdf }}"}]')::dreamlit._fault;
    return;
  end if;
  for v_one in
    select format('%s[%s]', p_place, a.n - 1) as place, a.value from jsonb_array_elements(p_attachments) with ordinality as a(value, n)
  loop
    if jsonb_typeof(v_one.value) <> 'object' then
      return next (v_one.place, 'the attachment is no mapping', 'write {name: invoice.pdf, content: "{{ invoice.pdf }}"}')::dreamlit._fault;
      continue;
    end if;
    return query select f.* from dreamlit._check_keys(v_one.place, v_one.value, array['name', 'content', 'url', 'type', 'inline'], array['name']) as f;
    return query select f.* from dreamlit._check_texts(v_one.place, v_one.value, array['name', 'content', 'url', 'type', 'inline']) as f;
    if v_one.value ? 'content' = v_one.value ? 'url' then
      return next (v_one.place, 'the attachment has not exactly one of content and url',
        'give it content from a bytea column or as base64, or a url that the sender fetches')::dreamlit._fault;
    end if;
    if v_one.value ->> 'url' ~* '^http:' and v_one.value ->> 'url' !~* '^http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?(/|$)' then
      return next (v_one.place || '.url', 'the url is without https', 'write https://…')::dreamlit._fault;
    end if;
  end loop;
end;
$$;
comment on function dreamlit._check_attachments(text, jsonb) is 'Returns the faults of an email''s attachments that can be seen without data.';
grant execute on function dreamlit._check_attachments(text, jsonb) to dreamlit_admin;
