"""Rendering in the database and in the senders: the same bytes, the same walls against hostile templates."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb, set_json_loads
from tests.helpers import (
    Connection,
    add_users,
    column,
    create_users,
    email,
    publish,
    rows,
    value,
    work,
    workflow,
)

from dreamlit_pg.definition import read_folder
from dreamlit_pg.rendering import render_batch

EXAMPLES = Path(__file__).parents[2] / "examples"
WRITES = """
insert into public.users (name, email, plan) values
  ('Ann <b>O''Hara</b> & Söhne', 'ann@example.com', 'team'), ('Bob', 'bob@example.com', 'free');
insert into public.posts (author_id, title)
  select user_id, 'On "quotes" & 100 % <of> it 🎉' from public.users;
insert into public.follows (post_id, follower_id)
  select p.post_id, u.user_id from public.posts p cross join public.users u;
insert into public.comments (post_id, author_id, body)
  select p.post_id, u.user_id, E'line one\\nline two {{ 7 * 7 }}'
  from public.posts p cross join public.users u;
insert into public.payments (user_id, amount_cents, card_last4)
  select user_id, 123456, '4242' from public.users;
update public.payments set state = 'failed', failure = 'card declined <now>';
"""


def _renders_in_sender(admin: Connection) -> None:
    admin.execute("select dreamlit.set_setting('renderer', '\"sender\"')")


def _claim(sender: Connection) -> list[dict[str, Any]]:
    set_json_loads(lambda text: json.loads(text, parse_float=Decimal), sender)
    return rows(sender, "select * from dreamlit.claim('render', 'me', 100)")


def _render(claimed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a sender reports of what it claimed."""
    results: list[dict[str, Any]] = []
    known: dict[int, dict[str, Any]] = {}
    for row in claimed:
        content = row["content"]
        if row["templates"] is not None:
            known[content["step_id"]] = row["templates"]
        step = known[content["step_id"]]
        (rendered,) = render_batch(content["channel"], step["templates"], step["files"], [content["context"]])
        result = {"message_id": row["message_id"], "attempt": row["attempt"]}
        if "content" in rendered:
            results.append({**result, "outcome": "rendered", "content": rendered["content"]})
        else:
            error = rendered["error"]
            results.append(
                {
                    **result,
                    "outcome": "failed",
                    "fault": "recipient",
                    "code": error["code"],
                    "error": error["message"],
                }
            )
    return results


def _report(sender: Connection, results: list[dict[str, Any]]) -> list[str]:
    return column(sender, "select state from dreamlit.report('me', %s)", Jsonb(results))


def test_the_example_workflows_are_rendered_alike_in_both_places(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    admin.execute((EXAMPLES / "schema.sql").read_bytes())
    _renders_in_sender(admin)
    for definition in read_folder(EXAMPLES):
        publish(admin, definition.document)
    superuser.execute(WRITES.encode())
    steps = set()
    for _ in range(6):
        work(superuser)
        claimed = _claim(sender)
        if not claimed:
            continue
        results = _render(claimed)
        assert {result["outcome"] for result in results} == {"rendered"}
        templates = {row["content"]["step_id"]: row["templates"] for row in claimed if row["templates"]}
        for row, result in zip(claimed, results, strict=True):
            content = row["content"]
            step = templates[content["step_id"]]
            steps.add(content["step_id"])
            context = json.dumps([content["context"]], default=str)
            here = value(
                superuser,
                "select dreamlit._render(%s, %s, %s, %s::jsonb) #>> '{0,content}'",
                content["channel"],
                Jsonb(step["templates"]),
                Jsonb(step["files"]),
                context,
            )
            assert json.loads(here) == result["content"]
        assert set(_report(sender, results)) == {"rendered"}
    assert len(steps) >= 5


def test_a_message_is_the_same_whoever_renders_it(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    create_users(admin)
    step = email()
    step["email"] = {
        "to": "{{ trigger.name }} <{{ trigger.email }}>, b@example.com",
        "cc": "c@example.com",
        "subject": "Grüße 🎉 {{ trigger.visits }} {{ n.price }} {{ n.yes }} {{ n.day }}",
        "html": "<p>{{ n.tricky }}</p>{{ n.list | join(', ') }}",
        "headers": {"X-Visits": "{{ trigger.visits }}"},
    }
    query = {
        "id": "n",
        "query": "select 19.90::numeric as price, true as yes, date '2030-01-02' as day,"
        " '<a href=\"x\">&amp; 1.0</a>' as tricky, array[1.10, 2.0] as list",
    }
    publish(admin, workflow(query, step))
    add_users(app, 3)
    work(superuser, 2)
    _renders_in_sender(admin)
    add_users(app, 3)
    work(superuser, 2)
    assert set(_report(sender, _render(_claim(sender)))) == {"rendered"}
    found = rows(
        superuser,
        "select content::text as content, lane, recipient from dreamlit._messages"
        " order by recipient, message_id",
    )
    assert len(found) == 12
    by_recipient: dict[str, list[str]] = {}
    for row in found:
        by_recipient.setdefault(row["recipient"], []).append(row["content"])
    users = [contents for recipient, contents in by_recipient.items() if recipient != "b@example.com"]
    assert all(len(contents) == 2 and contents[0] == contents[1] for contents in users)


# The sender's side of the managed kind


def _managed(
    admin: Connection, app: Connection, superuser: Connection, *steps: dict[str, object], users: int = 2
) -> None:
    create_users(admin)
    publish(admin, workflow(*(steps or (email(),))))
    _renders_in_sender(admin)
    add_users(app, users)
    work(superuser)


def test_tasks_wait_for_their_rendering(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser)
    assert column(superuser, "select state from dreamlit.tasks") == ["rendering"] * 2
    assert value(superuser, "select doing from dreamlit.runs limit 1") == "tell: rendering"
    _report(sender, _render(_claim(sender)))
    assert column(superuser, "select state from dreamlit.tasks") == ["sending"] * 2


def test_templates_come_once_a_step(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser, email(), email("second", after="trigger"), users=5)
    claimed = _claim(sender)
    assert len(claimed) == 10
    assert len([row for row in claimed if row["templates"] is not None]) == 2
    assert claimed[0]["templates"] is not None


def test_a_template_that_fails_for_one_item_fails_that_task_only(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    step = email()
    step["email"] = {"to": "a@example.com", "subject": "Hi", "text": "{{ 1 // (trigger.visits - 1) }}"}
    _managed(admin, app, superuser, step, users=3)
    assert sorted(_report(sender, _render(_claim(sender)))) == ["failed", "rendered", "rendered"]
    assert sorted(column(superuser, "select state from dreamlit.tasks")) == ["failed", "sending", "sending"]


def test_a_rendering_is_posted_once_however_often_it_is_reported(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser)
    results = _render(_claim(sender))
    assert _report(sender, results) == ["rendered", "rendered"]
    assert _report(sender, results) == ["lost", "lost"]
    assert value(superuser, "select count(*) from dreamlit.messages") == 2


def test_the_same_rendering_twice_in_one_report_is_posted_once(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser, users=1)
    results = _render(_claim(sender))
    _report(sender, results * 2)
    assert value(superuser, "select count(*) from dreamlit.messages") == 1


def test_a_renderers_own_trouble_is_tried_again(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser, users=1)
    (claimed,) = _claim(sender)
    result = {"message_id": claimed["message_id"], "attempt": 1, "outcome": "failed", "fault": "transient"}
    assert _report(sender, [result]) == ["queued"]
    assert column(superuser, "select state from dreamlit.tasks") == ["rendering"]


def test_a_released_rendering_can_be_claimed_at_once(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser)
    released = [
        {"message_id": row["message_id"], "attempt": row["attempt"], "outcome": "released"}
        for row in _claim(sender)
    ]
    assert _report(sender, released) == ["queued", "queued"]
    assert len(_claim(sender)) == 2


def test_what_is_cancelled_while_it_is_rendered_is_not_posted(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser, users=1)
    results = _render(_claim(sender))
    admin.execute("select dreamlit.cancel_run(run_id) from dreamlit.runs")
    _report(sender, results)
    assert rows(superuser, "select from dreamlit.messages") == []
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_render") == 0


def test_what_is_cancelled_before_it_is_rendered_does_not_stay_in_the_queue(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser, users=1)
    admin.execute("select dreamlit.cancel_run(run_id) from dreamlit.runs")
    assert _claim(sender) == []
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_render") == 0


def test_a_paused_workflow_is_not_rendered(
    admin: Connection, app: Connection, sender: Connection, superuser: Connection
) -> None:
    _managed(admin, app, superuser)
    admin.execute("select dreamlit.pause('hello')")
    assert _claim(sender) == []


# Hostile templates


HOSTILE = {
    "an endless loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a memory bomb": "{{ 'x' * 10 ** 10 }}",
    "a memory bomb of sums": "{% set ns = namespace(s='x' * 1000) %}"
    "{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "a wide format": "{{ '%999999999d' | format(1) }}",
    "a huge number": "{{ 9 ** (9 ** 9) }}",
    "a way to the classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a way to the globals": "{{ self.__init__.__globals__ }}",
    "a way through attr": "{{ '' | attr('__class__') }}",
    "a way through format": "{{ '{0.__class__.__mro__}'.format('') }}",
    "an import": "{% import 'os' as os %}",
    "a file": "{% include '/etc/passwd' %}",
    "a recursion": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
}


REFUSED_AT_PUBLISH = {"a way through attr", "an import", "a file"}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_template_is_stopped_and_its_neighbours_are_rendered(
    admin: Connection, app: Connection, superuser: Connection, name: str
) -> None:
    """Only the second item runs into it; what does not even parse is refused at publish."""
    create_users(admin)
    step = email()
    step["email"] = {
        "to": "{{ trigger.email }}",
        "subject": "Hi",
        "text": "{% if trigger.visits == 2 %}" + HOSTILE[name] + "{% endif %}hello",
    }
    if name in REFUSED_AT_PUBLISH:
        with pytest.raises(psycopg.Error) as caught:
            publish(admin, workflow(step))
        assert caught.value.sqlstate == "DL001"
        return
    publish(admin, workflow(step))
    backend = superuser.info.backend_pid
    add_users(app, 3)
    work(superuser)
    found = column(superuser, "select recipient from dreamlit.messages order by 1")
    bad = column(superuser, "select error from dreamlit.tasks where state = 'failed'")
    assert found == ["user1@example.com", "user3@example.com"]
    assert len(bad) == 1
    assert bad[0]["message"]
    assert superuser.info.backend_pid == backend
    assert value(superuser, "select 1") == 1


def test_a_statement_timeout_of_the_role_is_no_way_to_fail_a_batch(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    create_users(admin)
    publish(admin, workflow(email()))
    add_users(app, 3)
    superuser.execute("set statement_timeout = '5s'")
    work(superuser)
    assert value(superuser, "select count(*) from dreamlit.messages") == 3


def test_the_databases_renderer_is_nobodys_to_call(
    admin: Connection, app: Connection, sender: Connection
) -> None:
    for role in (admin, app, sender):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            role.execute("select dreamlit._run_python('render_batch', '[]')")
