"""Rendering: what comes out for one context, errors as data, isolation, references."""

from __future__ import annotations

import signal
import threading
from decimal import Decimal
from typing import Any

import pytest

from dreamlit_pg.rendering import batch, linked_files, references, render_batch
from dreamlit_pg.rendering.limits import CACHED_MESSAGES

TRIGGER = {
    "id": 7,
    "email": "ada@example.com",
    "name": 'Ada <&> "O\'Neil"',
    "nothing": None,
    "price": Decimal("19.90"),
}
CONTEXT: dict[str, Any] = {
    "trigger": TRIGGER,
    "old": None,
    "team": [{"name": "Bob", "email": "bob@example.com"}, {"name": "Eve", "email": "eve@example.com"}],
}


def email(
    *, files: dict[str, str] | None = None, context: dict[str, Any] | None = None, **templates: Any
) -> dict[str, Any]:
    given = {"to": "a@example.com", "text": "t", **templates}
    return render_batch("email", given, files or {}, [CONTEXT if context is None else context])[0]


def content(**templates: Any) -> dict[str, Any]:
    result = email(**templates)
    assert "error" not in result, result
    found: dict[str, Any] = result["content"]
    return found


def error(**templates: Any) -> dict[str, Any]:
    result = email(**templates)
    assert "content" not in result, result
    found: dict[str, Any] = result["error"]
    return found


def slack(**templates: Any) -> dict[str, Any]:
    return render_batch("slack", templates, {}, [CONTEXT])[0]


def test_the_shape_of_an_email() -> None:
    found = render_batch(
        "email",
        {
            "to": "{{ trigger.email }}, Bob <bob@example.com>",
            "cc": ["c@example.com"],
            "reply_to": "r@example.com",
            "from": "Shop <shop@example.com>",
            "subject": "Order {{ trigger.id }}",
            "text": "Hello",
            "html": "<p>{{ trigger.id }}</p>",
            "headers": {"X-Order": "{{ trigger.id }}"},
        },
        {},
        [CONTEXT],
    )
    assert found == [
        {
            "content": {
                "to": ["ada@example.com", "Bob <bob@example.com>"],
                "cc": ["c@example.com"],
                "bcc": [],
                "reply_to": ["r@example.com"],
                "from": "Shop <shop@example.com>",
                "subject": "Order 7",
                "html": "<p>7</p>",
                "text": "Hello",
                "headers": {"X-Order": "7"},
            }
        }
    ]


def test_html_is_escaped_and_text_is_not() -> None:
    found = content(html="{{ trigger.name }}", text="{{ trigger.name }}", subject="{{ trigger.name }}")
    assert found["html"] == "Ada &lt;&amp;&gt; &#34;O&#39;Neil&#34;"
    assert found["text"] == found["subject"] == TRIGGER["name"]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ trigger.nothing }}|", "|"),
        ("{{ none }}|", "|"),
        ("{{ trigger.nothing ~ 'x' }}", "x"),
        ("{{ trigger.nothing|default('there') }}", "there"),
        ("{{ trigger.missing|default('there') }}", "there"),
        ("{{ trigger.missing is defined }}", "False"),
        ("{{ trigger.price }} {{ trigger.price * 1.1 }}", "19.90 21.890"),
        ("{{ '%.2f' % trigger.price }} {{ '%05.1f'|format(2.25) }}", "19.90 002.2"),
        ("{{ '{:,.2f} {a}'.format(1234.5, a=1) }}", "1,234.50 1"),
        ("{{ 7 * 6 }} {{ 7 // 2 }} {{ 7 % 4 }} {{ 2 ** 10 }} {{ 'ab' * 2 }}", "42 3 3 1024 abab"),
        ("{{ 1 < 2 < 3 }} {{ 3 in [1, 2] }} {{ 'a' in 'abc' }} {{ 1 not in [2] }}", "True False True True"),
        ("{{ team|map(attribute='name')|join(', ') }}", "Bob, Eve"),
        ("{{ ', '.join(team|map(attribute='name')) }}", "Bob, Eve"),
        ("{{ team|selectattr('name', 'eq', 'Eve')|map(attribute='email')|first }}", "eve@example.com"),
        ("{{ team|length }} {{ team[0].name }} {{ team[-1]['name'] }} {{ team[:1]|length }}", "2 Bob Eve 1"),
        (
            "{% for m in team %}{{ loop.index }}{{ m.name }}{% if not loop.last %},{% endif %}{% endfor %}",
            "1Bob,2Eve",
        ),
        ("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2"),
        ("{% for k, v in {'b': 1, 'a': 2}|dictsort %}{{ k }}{{ v }}{% endfor %}", "a2b1"),
        ("{% for g in team|groupby('name') %}{{ g.grouper }}{{ g.list|length }}{% endfor %}", "Bob1Eve1"),
        ("{{ team|sum(attribute='name'|length) if false else [1, 2]|sum }}", "3"),
        ("{{ [3, 1, 2]|sort|join }} {{ [1, 1]|unique|list }} {{ [1, 2]|max }}", "123 [1] 2"),
        ("{{ 'a b'.split(' ')|last }} {{ 'x'.upper() }} {{ 'aXa'.replace('X', '-') }}", "b X a-a"),
        (
            "{{ 2.567|round(2) }} {{ 2.1|round(0, 'ceil')|int }} {{ 'abc'|truncate(2, true, '', 0) }}",
            "2.57 3 ab",
        ),
        ("{{ {'a': 'é', 'b': [1, none]}|tojson }}", '{"a": "\\u00e9", "b": [1, null]}'),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, b=3) }}", "1213"),
        ("{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{% endcall %}", "[x]"),
        (
            "{% set ns = namespace(n=0) %}{% for i in range(5) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}",
            "10",
        ),
        ("{% set x %}a{{ 1 }}{% endset %}{{ x }}", "a1"),
        ("{% with a = 1 %}{{ a }}{% endwith %}", "1"),
        ("{{ '<b>'|striptags }}{{ 'x'|center(5) }}{{ 'a b'|urlencode }}", "  x  a%20b"),
        ("{{ dict(a=1).a }}{{ {'a': 1}.get('b', 2) }}", "12"),
        ("{{ 'a' if trigger.id == 7 else 'b' }}", "a"),
        ("{{ old is none }}", "True"),
        ("plain {not} a template", "plain {not} a template"),
    ],
)
def test_what_templates_can_do(source: str, text: str) -> None:
    assert content(text=source)["text"] == text
    assert content(html="{% autoescape false %}" + source + "{% endautoescape %}")["html"] == text


@pytest.mark.parametrize(
    "column", ["items", "keys", "values", "get", "count", "index", "name", "self", "format"]
)
def test_a_column_may_be_called_like_a_method(column: str) -> None:
    assert (
        content(text=f"{{{{ trigger.{column} }}}}", context={"trigger": {column: "data"}})["text"] == "data"
    )


def test_null_is_empty_in_html_and_slack_too() -> None:
    assert content(html="[{{ trigger.nothing }}{{ none }}]")["html"] == "[]"
    assert slack(text="[{{ trigger.nothing }}{{ none }}]")["content"]["text"] == "[]"


# --- files


FILES = {
    "layout.html": "<h1>{% block title %}T{% endblock %}</h1>\n{% block body %}{% endblock %}",
    "greet.html": "{% extends 'layout.html' %}{% block body %}Hi {{ trigger.name }}{% include 'foot.html' %}{% endblock %}",
    "foot.html": "{% from 'macros.html' import bold %}{{ bold(trigger.email) }}",
    "macros.html": "{% macro bold(x) %}<b>{{ x }}</b>{% endmacro %}",
    "greet.txt": "Hi {{ trigger.name }}",
    "bad.html": "line one\n{{ trigger.nmae }}",
    "broken.html": "one\ntwo {% if %}",
}


def test_a_template_file_with_layout_include_and_macro() -> None:
    found = email(files=FILES, text=None, template="greet.html")["content"]
    assert found["html"] == "<h1>T</h1>\nHi Ada &lt;&amp;&gt; &#34;O&#39;Neil&#34;<b>ada@example.com</b>"
    assert found["text"] == f"Hi {TRIGGER['name']}"


def test_a_text_beside_the_file_gives_way_to_the_text_field() -> None:
    assert email(files=FILES, text="mine", template="greet.html")["content"]["text"] == "mine"


def test_a_text_file_alone_is_the_text_part() -> None:
    found = email(files=FILES, text=None, template="greet.txt")["content"]
    assert (found["html"], found["text"]) == (None, f"Hi {TRIGGER['name']}")


# --- errors


def test_an_undefined_name_is_told_with_field_file_and_line() -> None:
    assert email(files=FILES, template="bad.html")["error"] == {
        "code": "template",
        "message": "'trigger.nmae' is undefined",
        "field": "template",
        "file": "bad.html",
        "line": 2,
    }


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ trigger.nmae }}", "'trigger.nmae' is undefined"),
        ("{{ trigger['nmae'] }}", "'trigger.nmae' is undefined"),
        ("{{ nobody }}", "'nobody' is undefined"),
        ("{{ old.name }}", "'old' is null and has no 'name'"),
        ("{{ trigger.nothing.city }}", "'trigger.nothing' is null and has no 'city'"),
        ("{{ trigger.nmae.city }}", "'trigger.nmae' is undefined"),
        ("{{ team[9].name }}", "'team[9]' is undefined"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1 + 'a' }}", "unsupported operand type(s) for +: 'int' and 'str'"),
        ("{{ trigger.id() }}", "'int' object is not callable"),
        ("{% include 'nope.html' %}", "there is no template file 'nope.html'"),
        ("{{ team|map(attribute='name') }}", "a sequence cannot be printed as it is: add |list or |join"),
        ("{{ team|map(attribute='nmae')|list }}", "'nmae' is undefined"),
    ],
)
def test_messages(source: str, message: str) -> None:
    found = error(text="first\n" + source)
    assert (found["message"], found["field"], found["file"], found["line"]) == (message, "text", None, 2)


def test_a_syntax_error_fails_every_context_with_its_place() -> None:
    results = render_batch("email", {"to": "a@example.com", "template": "broken.html"}, FILES, [CONTEXT] * 2)
    assert [(r["error"]["field"], r["error"]["file"], r["error"]["line"]) for r in results] == [
        ("template", "broken.html", 2)
    ] * 2


def test_one_bad_context_fails_alone() -> None:
    contexts = [
        {"trigger": {"email": address}} for address in ("a@example.com", "nonsense", "", "b@example.com")
    ]
    contexts.insert(1, {"trigger": {}})
    results = render_batch("email", {"to": "{{ trigger.email }}", "text": "t"}, {}, contexts)
    assert [r["content"]["to"] if "content" in r else r["error"]["message"] for r in results] == [
        ["a@example.com"],
        "'trigger.email' is undefined",
        "not an address: 'nonsense'",
        "to is empty",
        ["b@example.com"],
    ]


def test_an_empty_batch() -> None:
    assert render_batch("email", {"to": "a@example.com", "text": "{% if %}"}, {}, []) == []


def test_templates_and_contexts_of_a_wrong_shape_are_errors_too() -> None:
    wrong: Any = ["x"]
    assert render_batch("email", wrong, {}, [CONTEXT])[0]["error"]["code"] == "template"
    assert render_batch("email", {"to": "a@example.com", "text": "t"}, {}, wrong)[0]["error"]["field"] is None
    assert error(headers=wrong)["field"] == "headers"


def test_a_message_is_text_that_the_database_can_keep() -> None:
    message = error(text="{{ range(**{trigger.x: 1}) }}", context={"trigger": {"x": "a\0\ud800"}})["message"]
    assert "\0" not in message
    assert message.encode()


def test_an_unknown_channel() -> None:
    assert render_batch("fax", {}, {}, [{}])[0]["error"]["code"] == "channel"


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        (
            "{% if trigger.n == 1 %}{% set x = 'once' %}{% endif %}{{ x is defined }}",
            ["True", "False", "True"],
        ),
        ("{% set x %}<{{ trigger.n }}>{% endset %}{{ x }}", ["<1>", "<2>", "<1>"]),
        ("{% macro m() %}{{ trigger.n }}{% endmacro %}{{ m() }}", ["1", "2", "1"]),
        ("{% block b %}{{ trigger.n }}{% endblock %}{{ self.b() }}", ["11", "22", "11"]),
        (
            "{% extends 'layout.html' %}{% block b %}{{ super() }}{{ trigger.n }}{% endblock %}",
            ["01", "02", "01"],
        ),
        ("{% include 'part.html' %}", ["&lt;1", "&lt;2", "&lt;1"]),
        ("{% from 'macros.html' import m with context %}{{ m() }}", ["1", "2", "1"]),
        ("{{ trigger.n }}", ["1", "2", "1"]),
    ],
)
def test_nothing_of_an_item_stays_for_the_next(source: str, texts: list[str]) -> None:
    files = {
        "layout.html": "{% block b %}0{% endblock %}",
        "part.html": "{{ '<' }}{{ trigger.n }}",
        "macros.html": "{% macro m() %}{{ trigger.n }}{% endmacro %}",
    }
    contexts = [{"trigger": {"n": n}} for n in (1, 2, 1)]
    found = render_batch("email", {"to": "a@example.com", "html": source}, files, contexts)
    assert [one["content"]["html"] for one in found] == texts


def test_escaping_that_an_item_turned_off_is_on_for_the_next() -> None:
    source = "{% autoescape false %}{{ trigger.a }}{{ 1 / trigger.n }}{% endautoescape %}"
    page = "{{ '<b>' | safe ~ trigger.a }}" + source
    contexts = [{"trigger": {"a": "<", "n": n}} for n in (1, 0, 1)]
    first, failed, last = render_batch("email", {"to": "a@example.com", "html": page}, {}, contexts)
    assert "error" in failed
    assert first["content"]["html"] == last["content"]["html"] == "<b>&lt;<1.0"


def test_errors_do_not_depend_on_what_was_rendered_before() -> None:
    first = error(text="{{ trigger.nmae }}")
    content(text="{{ trigger.id }}")
    assert error(text="{{ trigger.nmae }}") == first


# --- headers and addresses


@pytest.mark.parametrize(
    "poison", ["x\r\nBcc: evil@example.com", "x\nBcc: y", "x\ry", "x\0y", "x\u2028y", "x\x0by", "x\x85y"]
)
@pytest.mark.parametrize("field", ["subject", "header", "to", "from", "cc", "reply_to", "named"])
def test_header_injection_is_refused(field: str, poison: str) -> None:
    context = {"trigger": {"x": poison}}
    inserted = "{{ trigger.x }}"
    templates: dict[str, Any] = {
        "subject": {"subject": inserted},
        "header": {"headers": {"X-A": inserted}},
        "named": {"to": inserted + " <a@example.com>"},
    }.get(field, {field: inserted})
    found = error(context=context, **templates)
    assert found["code"] in ("header", "address")
    assert found["field"].startswith({"header": "headers.X-A", "named": "to"}.get(field, field))


@pytest.mark.parametrize(
    "name", ["To", "bcc", "Subject", "MIME-Version", "Content-Type", "Bad Name", "Bad:Name", "Bad\nName", ""]
)
def test_headers_that_are_not_free(name: str) -> None:
    assert error(headers={name: "x"})["code"] == "header"


def test_a_subject_has_a_limit_in_bytes() -> None:
    assert content(subject="é" * 499)["subject"] == "é" * 499
    assert error(subject="{{ 'é' * 500 }}")["code"] == "limit"


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("a@example.com", ["a@example.com"]),
        (" a@example.com ,\n b@example.com,", ["a@example.com", "b@example.com"]),
        ("Ada <a@example.com>", ["Ada <a@example.com>"]),
        (
            '"Lovelace, Ada" <a@example.com>, b@example.com',
            ['"Lovelace, Ada" <a@example.com>', "b@example.com"],
        ),
        ("Jürgen Müller <j@example.com>", ["Jürgen Müller <j@example.com>"]),
        ("J. R. Tolkien <j@example.com>", ['"J. R. Tolkien" <j@example.com>']),
        ("o'brien+tag@sub.example.co.uk", ["o'brien+tag@sub.example.co.uk"]),
        ("jürgen@bücher.example", ["jürgen@bücher.example"]),
        ("a@localhost", ["a@localhost"]),
        ("a@[127.0.0.1]", ["a@[127.0.0.1]"]),
        ('"odd local"@example.com', ['"odd local"@example.com']),
        ("<a@example.com>", ["a@example.com"]),
        ('"" <a@example.com>', ["a@example.com"]),
    ],
)
def test_addresses(text: str, addresses: list[str]) -> None:
    assert content(to=text)["to"] == addresses
    assert (
        content(to="{{ trigger.to }}", context={"trigger": {"to": text.replace("\n", "")}})["to"] == addresses
    )


@pytest.mark.parametrize(
    "text",
    ["a", "a@", "@b", "a b@example.com", "a@b@c", "a..b@example.com", ".a@example.com", "a@-b.example", "a@b..example",
     "Ada <a@example.com", "Ada <a@example.com> x", "Ada <>", "a@example.com b@example.com", "a@exa_mple.com>", "a;b@example.com",
     "a" * 65 + "@example.com", "a@" + "b." * 130 + "example", "Ada, PhD <a@example.com>", "a@b/c", "\ud800@example.com"],
)  # fmt: skip
def test_addresses_that_are_none(text: str) -> None:
    assert error(to=text)["field"] == "to"


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("Lovelace, Ada", '"Lovelace, Ada" <ada@example.com>'),
        ("evil@example.com, Ada", '"evil@example.com, Ada" <ada@example.com>'),
        ("Ada <evil@example.com>,", '"Ada <evil@example.com>," <ada@example.com>'),
        ('Ada "the" Great', '"Ada \\"the\\" Great" <ada@example.com>'),
        ("Ada\\", '"Ada\\\\" <ada@example.com>'),
        ("", "ada@example.com"),
    ],
)
def test_a_name_in_the_data_adds_no_recipient(name: str, address: str) -> None:
    context = {"trigger": {"name": name, "email": "ada@example.com"}}
    assert content(to="{{ trigger.name }} <{{ trigger.email }}>", context=context)["to"] == [address]
    assert content(to='"{{ trigger.name }}" <{{ trigger.email }}>', context=context)["to"] == [address]


def test_an_address_in_the_data_cannot_leave_its_brackets() -> None:
    context = {"trigger": {"email": "a@example.com>, <evil@example.com"}}
    assert error(to="Ada <{{ trigger.email }}>", context=context)["code"] == "address"


def test_a_list_of_addresses_from_the_data() -> None:
    assert content(to="{{ team|map(attribute='email')|join(', ') }}")["to"] == [
        "bob@example.com",
        "eve@example.com",
    ]
    source = "{% for m in team %}{{ m.name }} <{{ m.email }}>, {% endfor %}"
    assert content(to=source)["to"] == ["Bob <bob@example.com>", "Eve <eve@example.com>"]


def test_from_takes_one_address() -> None:
    assert error(**{"from": "a@example.com, b@example.com"})["message"] == "from takes one address"


@pytest.mark.parametrize("to", [None, "", " , ", "{{ trigger.nothing }}"])
def test_to_must_not_be_empty(to: str | None) -> None:
    assert error(to=to)["message"] == "to is empty"


def test_an_email_needs_a_body() -> None:
    assert "neither" in error(text=None)["message"]


@pytest.mark.parametrize("text", ["{{ trigger.x }}", "<p>{{ trigger.x }}"])
def test_text_that_the_database_cannot_keep(text: str) -> None:
    for poison in ("a\0b", "a\ud800b"):
        assert "contains" in error(text=text, context={"trigger": {"x": poison}})["message"]


# --- slack


def test_slack_escapes_data_and_keeps_the_authors_markup() -> None:
    found = slack(channel="#signups", text="<https://x.example?a=1&b=2|{{ trigger.name }}> & {{ '<' }}")[
        "content"
    ]
    assert found == {
        "channel": "#signups",
        "text": '<https://x.example?a=1&b=2|Ada &lt;&amp;&gt; "O\'Neil"> & &lt;',
        "blocks": None,
    }


def test_slack_macros_and_blocks_keep_markup() -> None:
    source = (
        "{% macro link(t) %}<https://x.example|{{ t }}>{% endmacro %}{{ link(trigger.name) ~ '\"' ~ \"'\" }}"
    )
    found = slack(text=source)["content"]["text"]
    assert found == '<https://x.example|Ada &lt;&amp;&gt; "O\'Neil">"\''


def test_slack_blocks_are_filled_leaf_by_leaf() -> None:
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": "*{{ trigger.name }}*"}, "n": 1, "on": True},
        {
            "type": "button",
            "url": "https://x.example?a={{ trigger.id }}&b={{ '&' }}",
            "value": "{{ trigger.name }}",
        },
    ]
    found = slack(blocks=blocks)["content"]["blocks"]
    assert found[0]["text"] == {"type": "mrkdwn", "text": '*Ada &lt;&amp;&gt; "O\'Neil"*'}
    assert (found[0]["n"], found[0]["on"]) == (1, True)
    assert found[1]["url"] == "https://x.example?a=7&b=&"
    assert found[1]["value"] == TRIGGER["name"]


def test_slack_errors_name_the_leaf() -> None:
    assert slack(blocks=[{"text": {"text": "{{ nobody }}"}}])["error"]["field"] == "blocks[0].text.text"
    assert "neither" in slack(channel="#x")["error"]["message"]
    assert slack(channel="a\nb", text="x")["error"]["code"] == "header"


# --- timer, threads, cache


def test_the_timer_and_its_handler_are_put_back() -> None:
    calls: list[int] = []

    def handler(*_: object) -> None:
        calls.append(1)

    previous = signal.signal(signal.SIGVTALRM, handler)
    signal.setitimer(signal.ITIMER_VIRTUAL, 100.0)
    try:
        content(text="{{ trigger.id }}")
        assert signal.getsignal(signal.SIGVTALRM) is handler
        assert 50 < signal.getitimer(signal.ITIMER_VIRTUAL)[0] < 101
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)
    assert not calls


def test_rendering_in_a_thread() -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(content(text="{{ trigger.id }}")["text"]))
    thread.start()
    thread.join()
    assert found == ["7"]


def test_the_cache_has_a_limit_and_tells_content_apart() -> None:
    for number in range(CACHED_MESSAGES + 10):
        assert content(text=f"{number} {{{{ trigger.id }}}}")["text"] == f"{number} 7"
    assert len(batch._CACHE) == CACHED_MESSAGES
    assert email(files={"a.html": "1"}, template="a.html")["content"]["html"] == "1"
    assert email(files={"a.html": "2"}, template="a.html")["content"]["html"] == "2"


# --- references


def paths(templates: dict[str, Any], files: dict[str, str] | None = None) -> list[list[Any]]:
    return [entry["path"] for entry in references(templates, files or {}) if "path" in entry]


def faults(templates: dict[str, Any], files: dict[str, str] | None = None) -> list[tuple[Any, ...]]:
    found = references(templates, files or {})
    return [
        (entry["field"], entry["file"], entry["line"], entry["error"]) for entry in found if "error" in entry
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ trigger.email }}{{ trigger['name'] }}", [["trigger", "email"], ["trigger", "name"]]),
        ("{{ trigger.address.city }}", [["trigger", "address", "city"]]),
        ("{{ trigger.name.upper() }}", [["trigger", "name"]]),
        ("{{ trigger.items() }}", [["trigger"]]),
        ("{{ trigger.get('email') }}", [["trigger", "email"]]),
        ("{{ trigger[key] }}", [["trigger"], ["key"]]),
        ("{{ trigger.name|default(old.name) }}", [["trigger", "name"], ["old", "name"]]),
        ("{% set t = trigger %}{{ t.email }}", [["trigger"]]),
        ("{% set email = trigger.email %}{{ email }}", [["trigger", "email"]]),
        ("{% for m in team %}{{ m.name }}{{ loop.index }}{% endfor %}", [["team"]]),
        ("{% for m in team %}{% endfor %}{{ m.name }}", [["team"], ["m", "name"]]),
        ("{{ team[0].name }}", [["team", 0, "name"]]),
        ("{% if a.x %}{% set b = 1 %}{% endif %}{{ b.y }}", [["a", "x"], ["b", "y"]]),
        ("{% if a %}{% set b = 1 %}{% else %}{% set b = 2 %}{% endif %}{{ b.y }}", [["a"]]),
        (
            "{% macro m(x) %}{{ x.a }}{{ trigger.b }}{% endmacro %}{{ m(trigger) }}",
            [["trigger", "b"], ["trigger"]],
        ),
        ("{% with a = trigger.b %}{{ a.c }}{% endwith %}", [["trigger", "b"]]),
        ("{{ range(3)|list }}{{ dict(a=trigger.b) }}{{ namespace() }}", [["trigger", "b"]]),
        ("{{ trigger.a ~ trigger.a }}", [["trigger", "a"]]),
        ("no template", []),
    ],
)
def test_paths(source: str, expected: list[list[Any]]) -> None:
    assert paths({"subject": source}) == expected


def test_paths_through_files_and_blocks() -> None:
    found = references({"template": "greet.html"}, FILES)
    assert [(entry["field"], entry["file"], entry["path"]) for entry in found] == [
        ("template", "greet.html", ["trigger", "name"]),
        ("template", "foot.html", ["trigger", "email"]),
        ("text", "greet.txt", ["trigger", "name"]),
    ]
    assert paths({"blocks": [{"text": {"text": "{{ trigger.a }}"}}]}) == [["trigger", "a"]]


def test_names_that_a_child_sets_are_known_in_its_layout() -> None:
    files = {
        "layout.html": "{{ title }}{% block a %}{{ trigger.a }}{% endblock %}{% block b %}{{ trigger.b }}{% endblock %}"
    }
    child = "{% extends 'layout.html' %}{% set title = 'x' %}{% block a %}{{ title }}{% endblock %}"
    assert paths({"html": child}, files) == [["trigger", "b"]]
    with_super = child.replace("{{ title }}", "{{ super() }}")
    assert paths({"html": with_super}, files) == [["trigger", "a"], ["trigger", "b"]]


def test_faults() -> None:
    assert faults({"subject": "a\n{{ x"}) == [
        ("subject", None, 2, "unexpected end of template, expected 'end of print statement'.")
    ]
    assert faults({"subject": "{{ a|uper }}"}) == [
        ("subject", None, 1, "there is no filter 'uper': did you mean 'upper'?")
    ]
    assert faults({"subject": "{{ a is definde }}"}) == [
        ("subject", None, 1, "there is no test 'definde': did you mean 'defined'?")
    ]
    assert faults({"template": "gret.html"}, FILES) == [
        ("template", None, 1, "there is no template file 'gret.html': did you mean 'greet.html'?")
    ]
    assert faults({"html": "\n{% include 'fot.html' %}"}, FILES)[0][2:] == (
        2,
        "there is no template file 'fot.html': did you mean 'foot.html'?",
    )
    assert faults({"template": "broken.html"}, FILES)[0][:3] == ("template", "broken.html", 2)
    assert "written out" in faults({"html": "{% include trigger.x %}"})[0][3]
    assert "without context" in faults({"html": "{% import 'm' as m %}"}, {"m": "{{ trigger.a }}"})[0][3]
    assert faults({"html": "{% include 'nope' ignore missing %}"}) == []
    assert (
        faults({"html": "{% block a %}{% endblock %}{% block a %}{% endblock %}"})[0][3]
        == "block 'a' defined twice"
    )


def test_linked_files() -> None:
    source = "{% extends 'a' if x else 'b' %}{% include ['c', 'd'] %}{% from 'a' import e %}{% include f %}"
    assert linked_files(source) == ["a", "b", "c", "d"]
    assert linked_files("{% if %}") == []
