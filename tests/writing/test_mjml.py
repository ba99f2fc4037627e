"""MJML becomes HTML where the definition is read, and its Jinja stays Jinja."""

from __future__ import annotations

import pytest
from tests.helpers import Connection, publish, rows, value, work, workflow
from tests.writing.conftest import Write, rendered

from dreamlit_pg.errors import DefinitionError, from_database
from dreamlit_pg.writing.segments import segments

TEXT = "<mj-section><mj-column><mj-text>%s</mj-text></mj-column></mj-section>"


def document(*body: str, head: str = "") -> str:
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{''.join(body)}</mj-body></mjml>"


def test_a_template_in_mjml_is_html_when_it_is_published(compiled: Write) -> None:
    html = compiled(greet_mjml=document(TEXT % "Hello {{ trigger.name }}"))["greet.mjml"]
    assert "<mj-" not in html
    assert "<table" in html
    assert "Hello {{ trigger.name }}" in html


@pytest.mark.parametrize(
    "jinja",
    [
        "{{ trigger.name }}",
        '{{ "}}" }}',
        "{% if a < 3 %}x{% endif %}",
        "{#- a comment -#}",
        "{% raw %}{{ no }}{% endraw %}",
        "{%- set a = {'b': 1} -%}",
    ],
)
def test_a_source_is_the_sum_of_its_segments(jinja: str) -> None:
    source = f"before{jinja}after"
    assert "".join(segment.source for segment in segments(source) or []) == source


def test_values_are_escaped_as_in_html(compiled: Write) -> None:
    files = compiled(greet_mjml=document(TEXT % "{{ name }}"))
    assert "&lt;b&gt;" in rendered(files, "greet.mjml", {"name": "<b>"})


def test_conditions_and_loops_stand_around_sections_columns_and_texts(compiled: Write) -> None:
    files = compiled(
        greet_mjml=document(
            "{% for item in items %}<mj-section>{% if item.shown %}<mj-column>",
            "{% if item.bold %}<mj-text><b>{{ item.name }}</b></mj-text>{% else %}",
            "<mj-text>{{ item.name }}</mj-text>{% endif %}",
            "</mj-column>{% endif %}</mj-section>{% endfor %}",
        )
    )
    items = [
        {"name": "one", "shown": True, "bold": True},
        {"name": "two", "shown": True, "bold": False},
        {"name": "three", "shown": False, "bold": False},
    ]
    html = rendered(files, "greet.mjml", {"items": items})
    assert "<b>one</b>" in html
    assert ">two<" in html
    assert "three" not in html
    assert "<!---->" not in html


def test_rows_of_a_table_are_made_in_a_loop(compiled: Write) -> None:
    table = "<mj-table>{% for row in rows %}<tr><td>{{ row }}</td></tr>{% endfor %}</mj-table>"
    files = compiled(greet_mjml=document(f"<mj-section><mj-column>{table}</mj-column></mj-section>"))
    assert "<tr><td>1</td></tr><tr><td>2</td></tr>" in rendered(files, "greet.mjml", {"rows": [1, 2]})


def test_attributes_take_expressions(compiled: Write) -> None:
    button = """<mj-button href="{{ urls["go"] }}" background-color="{{ colour }}">Go</mj-button>"""
    files = compiled(greet_mjml=document(f"<mj-section><mj-column>{button}</mj-column></mj-section>"))
    html = rendered(files, "greet.mjml", {"urls": {"go": "https://a.example/?a=1&b=2"}, "colour": "#123456"})
    assert 'href="https://a.example/?a=1&amp;b=2"' in html
    assert "background:#123456" in html


def test_a_layout_takes_blocks_and_super(compiled: Write) -> None:
    files = compiled(
        greet_mjml="{% extends 'layout.mjml' %}{% set who = 'Ann' %}{% block body %}{{ super() }}"
        + TEXT % "Hi {{ who }}"
        + "{% endblock %}",
        layout_mjml=document(
            "{% block body %}" + TEXT % "above" + "{% endblock %}" + TEXT % "{{ who }} below"
        ),
    )
    html = rendered(files, "greet.mjml")
    assert html.index("above") < html.index("Hi Ann") < html.index("Ann below")
    assert list(files) == ["greet.mjml"]  # the layout is a part of it


def test_a_layout_may_have_defaults_for_elements_that_a_template_has_none_of(compiled: Write) -> None:
    head = '<mj-attributes><mj-button color="{{ a }}" /><mj-text color="{{ b }}" /></mj-attributes>'
    html = compiled(greet_mjml=document(TEXT % "Hello", head=head))["greet.mjml"]
    assert "color:{{ b }}" in html
    assert "{{ a }}" not in html


def test_a_partial_in_mjml_is_put_in_where_it_is_included(compiled: Write) -> None:
    files = compiled(
        greet_mjml=document("{% for name in names %}{% include 'row.mjml' %}{% endfor %}"),
        row_mjml=TEXT % "row of {{ name }}",
    )
    html = rendered(files, "greet.mjml", {"names": ["a", "b"]})
    assert "row of a" in html
    assert "row of b" in html


def test_a_partial_in_html_is_included_when_it_is_rendered(compiled: Write) -> None:
    files = compiled(
        greet_mjml=document(TEXT % "{% include 'sign.html' %}"), sign_html="<i>{{ trigger.name }}</i>"
    )
    assert list(files) == ["greet.mjml", "sign.html"]
    assert "<i>Ann</i>" in rendered(files, "greet.mjml", {"trigger": {"name": "Ann"}})


@pytest.mark.parametrize(
    ("source", "fact", "hint"),
    [
        ("<p>hello</p>", "no <mjml>", "extends"),
        (document("<mj-sektion></mj-sektion>"), "<mj-sektion> is no element of MJML", "mj-text"),
        (document("<p>hello</p>"), "<p> is no element of MJML", "mj-raw"),
        (
            document("<mj-section><mj-column></mj-section>"),
            "</mj-section> stands where <mj-column> is open",
            "close",
        ),
        ("<mjml><mj-body>", "<mj-body> is not closed", "</mj-body>"),
        (
            document('<mj-section><mj-column><mj-image width="{{ w }}" /></mj-column></mj-section>'),
            "MJML has no use for",
            "",
        ),
        (
            document(head="{% if a %}<mj-title>x</mj-title>{% endif %}"),
            "{% if a %} stands between",
            "mj-style",
        ),
        ("{% extends 'nowhere.mjml' %}", "no MJML layout", "extends"),
        ("{% extends 'a.mjml' %}", "extend each other without end", "alone"),
        (document("{% include 'a.mjml' %}"), "include each other without end", "take"),
        (document("{% from 'x.mjml' import y %}"), "MJML cannot be put in", "include"),
        (document("<mj-include path='x' />"), "mj-include", "include"),
        (document("{% block a %}"), "the block a has no end", "endblock"),
    ],
)
def test_what_cannot_be_compiled_is_told_with_its_file_and_a_hint(
    compiled: Write, source: str, fact: str, hint: str
) -> None:
    with pytest.raises(DefinitionError) as raised:
        compiled(a_mjml=source)
    (fault,) = raised.value.faults
    assert "a.mjml" in fault.place
    assert fact in fault.fact
    assert hint in (fault.hint or "")


def test_mjml_as_it_was_written_is_refused_by_the_database(admin: Connection) -> None:
    admin.execute("create table public.users (user_id integer primary key, email text)")
    step = {"id": "tell", "email": {"to": "a@example.com", "subject": "Hi", "template": "a.mjml"}}
    definition = {**workflow(step), "files": {"a.mjml": document()}}
    with pytest.raises(Exception, match="MJML as it was written") as raised:
        publish(admin, definition)
    assert from_database(raised.value).code == "DL001"  # type: ignore[arg-type]


def test_an_email_in_mjml_goes_from_row_to_outbox(
    admin: Connection, app: Connection, compiled: Write
) -> None:
    admin.execute("create table public.users (user_id integer primary key, email text, name text)")
    files = compiled(greet_mjml=document(TEXT % "Hello {{ trigger.name }}"))
    step = {"id": "tell", "email": {"to": "{{ trigger.email }}", "subject": "Hi", "template": "greet.mjml"}}
    publish(admin, {**workflow(step), "files": files})
    app.execute("insert into public.users values (1, 'ann@example.com', 'Ann')")
    work(admin)
    (message,) = rows(admin, "select content from dreamlit.messages")
    assert ">Hello Ann<" in message["content"]["html"]
    assert value(admin, "select count(*) from dreamlit.messages where state = 'queued'") == 1
