"""The engine's doors of engagement, thin, for as long as it has none of its own."""

from __future__ import annotations

from tests.helpers import Connection, value

_DOORS = """
create table dreamlit.engagement (
  provider text, event_id text, kind text, at timestamptz, message_id bigint, provider_id text, recipient text, bounce text,
  url text, user_agent text, machine boolean, raw jsonb, unique (provider, event_id));
create table dreamlit._choices (address text, topic text, subscribed boolean, unique (address, topic));
create table dreamlit._test_topics (topic text, title text, description text);
create function dreamlit.set_topic(name text, title text, description text default null) returns void language sql security definer
  as $$ insert into dreamlit._test_topics values (name, title, description) $$;
create function dreamlit.record_engagement(events jsonb) returns integer language sql security definer as $$
  with new as (
    insert into dreamlit.engagement
    select r.* from jsonb_to_recordset(events) as r(
      provider text, event_id text, kind text, at timestamptz, message_id bigint, provider_id text, recipient text, bounce text,
      url text, user_agent text, machine boolean, raw jsonb)
    on conflict do nothing returning 1)
  select count(*)::integer from new $$;
create function dreamlit.unsubscribe(message_id bigint, recipient text, via text) returns text language plpgsql security definer as $$
begin
  perform from dreamlit._messages as m where m.message_id = $1 and m.recipient = $2;
  if not found then
    raise exception using errcode = 'DL002', message = 'no such message';
  end if;
  insert into dreamlit._choices values ($2, '*', false) on conflict (address, topic) do update set subscribed = false;
  insert into dreamlit.engagement (provider, event_id, kind, at, message_id, recipient)
  values ('dreamlit', 'unsubscribed:' || $1, 'unsubscribed', now(), $1, $2) on conflict do nothing;
  return 'all';
end $$;
create function dreamlit.message_preferences(message_id bigint, recipient text)
returns table (topic text, title text, description text, subscribed boolean) language sql security definer as $$
  select null, null, null, coalesce((select c.subscribed from dreamlit._choices as c where c.address = $2 and c.topic = '*'), true)
  union all
  select t.topic, t.title, t.description, coalesce((select c.subscribed from dreamlit._choices as c where c.address = $2 and c.topic = t.topic), true)
  from dreamlit._test_topics as t $$;
create function dreamlit.set_message_preferences(message_id bigint, recipient text, choices jsonb) returns void
language sql security definer as $$
  insert into dreamlit._choices select $2, c.key, c.value::boolean from jsonb_each_text(choices) as c
  on conflict (address, topic) do update set subscribed = excluded.subscribed $$;
grant select on dreamlit.engagement to dreamlit_reader;
"""


def open_doors(superuser: Connection) -> None:
    """Make the doors where the engine has none, and two topics."""
    if value(superuser, "select to_regprocedure('dreamlit.record_engagement(jsonb)') is null"):
        superuser.execute(_DOORS)
    superuser.execute("select dreamlit.set_topic('news', 'News & more', 'Once a month')")
    superuser.execute("select dreamlit.set_topic('digest', 'Your digest')")
