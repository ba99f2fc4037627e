create or replace function dreamlit._check_email(p_place text, p_email jsonb) returns setof dreamlit._fault
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  c_texts constant text[] := array['to', 'cc', 'bcc', 'reply_to', 'from', 'subject', 'html', 'text', 'template', 'preheader', 'topic', 'timezone', 'locale'];
begin
  if jsonb_typeof(p_email) <> 'object' then
    return next (p_place, 'email is no mapping', 'write email: {to: "{{ trigger.email }}", subject: …, text: …}')::dreamlit._fault;
    return;
  end if;
  return query select f.* from dreamlit._check_keys(p_place, p_email, c_texts || array['headers', 'track', 'attachments', 'calendar'], array['to', 'subject']) as f;
  return query select f.* from dreamlit._check_texts(p_place, p_email, c_texts) as f;
  if p_email ? 'track' then
    return query select f.* from dreamlit._check_track(p_place || '.track', p_email -> 'track') as f;
  end if;
  if p_email ? 'attachments' then
    return query select f.* from dreamlit._check_attachments(p_place || '.attachments', p_email -> 'attachments') as f;
  end if;
  if p_email ? 'calendar' then
    return query select f.* from dreamlit._check_calendar(p_place || '.calendar', p_email -> 'calendar') as f;
  end if;
  if not p_email ?| array['html', 'text', 'template'] then
    return next (p_place, 'the email has no body', 'add html, text or template')::dreamlit._fault;
  end if;
  if p_email ?& array['html', 'template'] then
    return next (p_place || '.html', 'the email has html and a template', 'keep one of them')::dreamlit._fault;
  end if;
  if p_email ? 'preheader' and (not p_email ?| array['html', 'template'] or p_email ->> 'template' ~* '\.txt$') then
    return next (p_place || '.preheader', 'the email has a preheader and no HTML to hide it in', 'add html or a template, or take it out')::dreamlit._fault;
  end if;
  if p_email ? 'headers' and jsonb_typeof(p_email -> 'headers') <> 'object' then
    return next (p_place || '.headers', 'headers is no mapping', 'write headers: {X-Campaign: welcome}')::dreamlit._fault;
  elsif p_email ? 'headers' then
    return query
      select p_place || '.headers.' || h.key, format('%s cannot be set as a header', h.key),
        'use a name of letters, digits and -, not one that the sender writes itself'
      from jsonb_each(p_email -> 'headers') as h
      where h.key !~ '^[A-Za-z0-9-]{1,76}$' or jsonb_typeof(h.value) <> 'string'
        or lower(h.key) in ('from', 'to', 'cc', 'bcc', 'subject', 'reply-to', 'date', 'message-id', 'mime-version', 'content-type', 'content-transfer-encoding', 'content-disposition', 'content-id', 'sender', 'return-path', 'received');
  end if;
end;
$$;
comment on function dreamlit._check_email(text, jsonb) is
  'Returns the faults of an email''s keys; its templates are checked when the shapes of the steps above are known.';
grant execute on function dreamlit._check_email(text, jsonb) to dreamlit_admin;
