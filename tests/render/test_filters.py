"""Filters that write as a language writes: the same in both renderers, null is empty, a wrong type is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, create_users, email, publish, value, workflow

from dreamlit_pg.rendering import optional, references, render_batch

MOMENT = "2026-03-01T23:30:00.5+00:00"
SPOKEN = [
    ("{{ 1234.5|money('EUR') }}", {"en": "€1,234.50", "de": "1.234,50\xa0€", "de-AT": "€\xa01.234,50"}),
    ("{{ trigger.price|money('usd') }}", {"en": "$19.91", "fr-CA": "19,91\xa0$\xa0US"}),
    ("{{ 1200|money('JPY') }}", {"en": "¥1,200", "ja": "￥1,200"}),
    ("{{ 1234567.8916|number }}", {"en": "1,234,567.892", "de": "1.234.567,892", "hi": "12,34,567.892"}),
    ("{{ 2.5|number(0) }} {{ '7'|number(2) }}", {"en": "3 7.00", "de": "3 7,00"}),
    ("{{ 0.256|percent }} {{ 0.256|percent(1) }}", {"en": "26% 25.6%", "de": "26\xa0% 25,6\xa0%"}),
    ("{{ '2026-03-01'|date }}", {"en": "Mar 1, 2026", "en-GB": "1 Mar 2026", "de": "01.03.2026"}),
    ("{{ trigger.at|date('full', 'Europe/Berlin') }}", {"de": "Montag, 2. März 2026"}),
    ("{{ trigger.at|datetime('short') }}", {"de": "01.03.26, 23:30"}),
    ("{{ '2026-03-01T08:00:00'|datetime('d. MMMM, HH:mm', 'Asia/Tokyo') }}", {"fr": "1. mars, 08:00"}),
    ("{{ 1|pluralise('item', 'items') }} {{ [1, 2]|pluralise('item', 'items') }}", {"en": "item items"}),
    ("{{ 0|pluralise('one', 'many') }}", {"en": "many", "fr": "one"}),
    ("{{ 3|pluralise(one='plik', few='pliki', other='plików') }}", {"pl": "pliki", "en": "plików"}),
    ("{{ [1, 2]|map('number', 1)|join('; ') }}", {"de": "1,0; 2,0"}),
    ("{{ 1.5|number(locale='de') }} {{ 1.5|number }}", {"en": "1,5 1.5"}),
]
CASES = [(source, locale, shown) for source, answers in SPOKEN for locale, shown in answers.items()]
CONTEXT = {
    "trigger": {
        "price": Decimal("19.905"),
        "at": MOMENT,
        "nothing": None,
        "md": "**<b>a</b>**",
        "locale": "de",
    }
}


def templates(source: str, **more: str) -> dict[str, str]:
    return {"to": "a@example.com", "subject": "s", "html": source, **more}


def answer(source: str, **more: str) -> dict[str, Any]:
    return render_batch("email", templates(source, **more), {}, [CONTEXT])[0]


def html(source: str, **more: str) -> str:
    found = answer(source, **more)
    assert "error" not in found, found
    return str(found["content"]["html"])


def error(source: str, **more: str) -> str:
    return str(answer(source, **more)["error"]["message"])


@pytest.mark.parametrize(("source", "locale", "shown"), CASES)
def test_a_filter_writes_as_the_language_writes(source: str, locale: str, shown: str) -> None:
    assert html(source, locale=locale) == shown


def test_the_database_writes_the_same_bytes(superuser: Connection) -> None:
    sources = [(source, locale) for source, locale, _ in CASES]
    sources += [
        ("{{ trigger.md|markdown }}{{ trigger.at|datetime('full', 'Europe/Rome') }}", "ar"),
        ("{{ 'x'|money('EUR') }}", "en"),
    ]
    for source, locale in sources:
        (there,) = value(
            superuser,
            "select dreamlit._render('email', %s, '{}', %s)",
            Jsonb(templates(source, locale=locale)),
            Jsonb([{"trigger": {**CONTEXT["trigger"], "price": 19.905}}]),
        )
        assert there == answer(source, locale=locale), source


@pytest.mark.parametrize(
    "source",
    [
        *(f"{{{{ trigger.nothing|{name} }}}}" for name in ("money('EUR')", "number", "percent", "date", "datetime")),
        *(f"{{{{ trigger.nothing|{name} }}}}" for name in ("pluralise('a', 'b')", "markdown", "truncate(5)")),
    ],
)  # fmt: skip
def test_null_is_empty(source: str) -> None:
    assert html(f"[{source}]") == "[]"


@pytest.mark.parametrize(
    ("source", "fact"),
    [
        ("{{ 'much'|money('EUR') }}", "|money takes a number, not 'much'"),
        ("{{ true|number }}", "|number takes a number, not a bool"),
        ("{{ 1|money('EURO') }}", "there is no currency 'EURO'"),
        ("{{ 1|money }}", "currency"),
        ("{{ '2026-02-31'|date }}", "|date takes a date or a timestamp, not '2026-02-31'"),
        ("{{ 'infinity'|datetime }}", "|datetime takes a date or a timestamp, not 'infinity'"),
        ("{{ 5|date }}", "not a int"),
        ("{{ trigger.at|date('short', 'Europe/Berln') }}", "there is no time zone 'Europe/Berln'"),
        ("{{ trigger.at|date('short', '../../etc/passwd') }}", "there is no time zone"),
        ("{{ trigger.at|date('y' * 200) }}", "100 characters"),
        ("{{ trigger.nmae|money('EUR') }}", "'trigger.nmae' is undefined"),
        ("{{ 1e300|number }}", "60 digits"),
        ("{{ 1|number(9999) }}", "from 0 to 20"),
        ("{{ 1|number(locale=5) }}", "a locale is a text"),
        ("{{ 2|pluralise('a') }}", "takes two forms"),
        ("{{ ('x' * 200000)|markdown }}", "100000 characters"),
    ],
)
def test_what_it_cannot_write_fails_the_task_with_the_reason(source: str, fact: str) -> None:
    assert fact in error(source)


def test_the_steps_locale_is_each_recipients_own() -> None:
    contexts = [{"trigger": {"l": locale}} for locale in ("de_DE.UTF-8", None, "xx", "../../x", "de-XX")]
    given = templates("{{ 1.5|number }}", locale="{{ trigger.l }}", default_locale="fr")
    results = render_batch("email", {**given, "html": "{{ 1.5|money('EUR') }}"}, {}, contexts)
    shown = [result["content"]["html"] for result in results]
    assert shown == ["1,50\xa0€"] * 5
    results = render_batch("email", {**given, "default_locale": "en"}, {}, contexts)
    assert [result["content"]["html"] for result in results] == ["1,5", "1.5", "1.5", "1.5", "1,5"]
    assert "locale" not in results[0]["content"]


def test_the_locale_of_one_message_is_not_the_next_ones() -> None:
    assert html("{{ 1.5|number }}", locale="{{ trigger.locale }}") == "1,5"
    assert html("{{ 1.5|number }}") == "1.5"


def test_moments_are_shown_in_the_steps_time_zone_and_a_wrong_one_fails_nothing() -> None:
    source = "{{ trigger.at|datetime('HH:mm') }}"
    assert html(source, timezone="Asia/Tokyo") == "08:30"
    assert html(source, timezone="Nowhere/Land") == "23:30"


def test_a_slack_message_has_a_locale_too() -> None:
    blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "{{ 2.5|number }}"}}]
    given = {"text": "{{ 1.5|number }} {{ trigger.md|markdown }}", "locale": "de", "blocks": blocks}
    (result,) = render_batch("slack", given, {}, [CONTEXT])
    assert set(result["content"]) == {"channel", "text", "blocks"}
    assert result["content"]["text"] == "1,5 **&lt;b&gt;a&lt;/b&gt;**"
    assert result["content"]["blocks"][0]["text"]["text"] == "2,5"


# Markdown


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("**a** & _b_", "<p><strong>a</strong> &amp; <em>b</em></p>"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>"),
        ("<b onclick=x>a", "<p>&lt;b onclick=x&gt;a</p>"),
        ("[a](https://a.test/?b=1&c=2)", '<p><a href="https://a.test/?b=1&amp;c=2">a</a></p>'),
        ("[a](mailto:b@c.test)", '<p><a href="mailto:b@c.test">a</a></p>'),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>"),
        ("[a](ftp://b.test)", "<p><a>a</a></p>"),
        ("![a](https://t.test/x.png)", '<p>!<a href="https://t.test/x.png">a</a></p>'),
        ("~~a~~", "<p><s>a</s></p>"),
    ],
)
def test_markdown_is_html_that_can_do_no_harm(source: str, shown: str) -> None:
    given = templates("{{ trigger.md|markdown }}")
    (result,) = render_batch("email", given, {}, [{"trigger": {"md": source}}])
    assert result["content"]["html"] == shown


def test_markdown_in_plain_text_is_the_text() -> None:
    (result,) = render_batch("email", templates("x", text="{{ trigger.md|markdown }}"), {}, [CONTEXT])
    assert result["content"]["text"] == "**<b>a</b>**"


# A Python without the libraries


def test_a_filter_whose_library_is_missing_is_a_fault_at_publish_with_the_mend(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optional, "_is_there", lambda module, oldest: module != "babel")
    (fault,) = references(templates("a\n{{ 1|money('EUR') }}{{ 'x'|markdown }}"), {})
    assert fault["error"] == "the filter 'money' needs babel>=2.18 in the Python that renders"
    assert fault["line"] == 2
    assert "install babel>=2.18" in fault["hint"]
    assert "set_setting('renderer', '\"sender\"')" in fault["hint"]


def test_a_server_without_the_library_refuses_the_definition_unless_senders_render(
    admin: Connection, superuser: Connection
) -> None:
    create_users(admin)
    step = email()
    step["email"] = {**templates("{{ trigger.visits|number }}")}
    superuser.execute("do $$ import sys; sys.modules['babel'] = None $$ language plpython3u")
    with pytest.raises(psycopg.Error, match=r"the filter 'number' needs babel>=2\.18") as raised:
        publish(superuser, workflow(step))
    assert raised.value.sqlstate == "DL001"
    assert "install babel>=2.18 for the server's Python" in str(raised.value.diag.message_detail)
    admin.execute("select dreamlit.set_setting('renderer', '\"sender\"')")
    publish(superuser, {**workflow(step), "references": {"steps[0].email": references(step["email"], {})}})  # type: ignore[arg-type]


def test_what_was_published_for_senders_fails_with_the_reason_where_the_library_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(optional, "_is_there", lambda module, oldest: False)
    assert "needs markdown-it-py>=4.0 and nh3>=0.3" in error("unlike any other {{ 'x'|markdown }}")


def test_an_old_release_of_a_library_counts_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    import babel

    monkeypatch.setattr(babel, "__version__", "2.10.3")
    assert optional.missing("date") == ["babel>=2.18"]
    assert optional.missing("upper") == []
