"""The database renders with the modules that senders import: the same bytes come out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from dreamlit_pg.rendering import references, render_batch
from dreamlit_pg.sources import install_script

FILES = {
    "layout.html": "<h1>{% block title %}T{% endblock %}</h1>\n{% block body %}{% endblock %}",
    "greet.html": "{% extends 'layout.html' %}{% block body %}Hi {{ trigger.name }}{% endblock %}",
    "bad.html": "line one\n{{ trigger.nmae }}",
}
CASES: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("email", {"to": "{{ trigger.name }} <{{ trigger.email }}>", "template": "greet.html"}, FILES),
    (
        "email",
        {"to": "{{ trigger.email }}", "subject": "é {{ trigger.name }}", "text": "{{ team|tojson }}"},
        {},
    ),
    ("email", {"to": "{{ trigger.nmae }}", "text": "x"}, {}),
    ("email", {"to": "a@example.com", "template": "bad.html"}, FILES),
    ("email", {"to": "a@example.com", "text": "{{ 10**(10**8) }}"}, {}),
    ("slack", {"text": "<x|{{ trigger.name }}>", "blocks": [{"text": "{{ team[0].name }}"}]}, {}),
]
CONTEXTS = [
    {"trigger": {"name": 'Ada <&> "O\'Neil"', "email": "ada@example.com"}, "team": [{"name": "Bob"}]},
    {"trigger": {"name": "B", "email": "b@example.com"}},
]

# What PL/Python makes of a body: a function, indented by a tab. GD lives as long as the session.
PROGRAM = """
import json, sys
GD = {}
for body, calls in json.load(sys.stdin):
    exec("def function(p_function, p_arguments):\\n\\t" + body.replace("\\n", "\\n\\t"))
    for p_function, arguments in calls:
        print(function(p_function, json.dumps(arguments)))
"""


@pytest.fixture(scope="module")
def body() -> str:
    found = re.search(
        r"function dreamlit\._run_python\(.*?\$python\$(.*?)\$python\$", install_script(), re.DOTALL
    )
    assert found is not None
    return found[1]


def _run(*sessions: tuple[str, list[Any]]) -> list[Any]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM],
        input=json.dumps(sessions),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_same_bytes_as_plpython_executes_it(body: str) -> None:
    calls: list[Any] = []
    here: list[Any] = []
    for channel, templates, files in CASES:
        calls.append(("render_batch", [channel, templates, files, CONTEXTS]))
        here.append(render_batch(channel, templates, files, CONTEXTS))
        calls.append(("references", [templates, files]))
        here.append(references(templates, files))
    assert _run((body, calls)) == here


def test_another_release_in_the_same_session_replaces_the_modules(body: str) -> None:
    digest = re.search(r'GD\["dreamlit_digest"\] = \'(\w+)\'', body)
    assert digest is not None
    changed = body.replace("to is empty", "nobody to write to")
    call = [("render_batch", ["email", {"text": "t"}, {}, [{}]])]
    answers = _run((body, call), (changed, call), (changed.replace(digest[1], "another"), call))
    messages = [answer[0]["error"]["message"] for answer in answers]
    assert messages == ["to is empty", "to is empty", "nobody to write to"]


def test_the_script_is_the_same_in_every_process(body: str) -> None:
    program = "import sys\nfrom dreamlit_pg.sources import install_script\nsys.stdout.write(install_script())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == install_script()


def test_the_same_answers_from_the_database(
    database: str, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    connection = connect("superuser")
    for channel, templates, files in CASES:
        row = connection.execute(
            "select dreamlit._render(%s, %s, %s, %s)",
            [channel, Jsonb(templates), Jsonb(files), Jsonb(CONTEXTS)],
        ).fetchone()
        assert row is not None
        assert row[0] == render_batch(channel, templates, files, CONTEXTS)
