"""CSS becomes style attributes; what cannot become one stays where it is, and Jinja stays Jinja."""

from __future__ import annotations

import pytest
from tests.writing.conftest import Write, rendered

from dreamlit_pg.errors import DefinitionError


def page(css: str, body: str) -> str:
    return f"<html><head><style>{css}</style></head><body>{body}</body></html>"


def test_rules_become_style_attributes(compiled: Write) -> None:
    files = compiled(a_html=page("p { color: red }", "<p>x</p>"))
    assert '<p style="color: red;">x</p>' in files["a.html"]


def test_a_template_without_css_is_not_touched(compiled: Write) -> None:
    source = "<P  CLASS=x>&nbsp;{{ a }}<br>\n<img src=x"
    assert compiled(a_html=source)["a.html"] == source


def test_what_only_a_style_element_can_say_stays_in_it(compiled: Write) -> None:
    css = "a { color: red } a:hover { color: blue } @media (prefers-color-scheme: dark) { a { color: white !important } }"
    html = compiled(a_html=page(css, '<a href="https://a.example">x</a>'))["a.html"]
    assert "a:hover" in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert 'style="color: red;"' in html


def test_a_style_attribute_wins_over_a_rule(compiled: Write) -> None:
    files = compiled(a_html=page("p { color: red; margin: 0 }", '<p style="color: green">x</p>'))
    assert "color: green" in files["a.html"]
    assert "color: red" not in files["a.html"].split("<body>")[1]


def test_jinja_in_styles_and_attributes_is_kept(compiled: Write) -> None:
    files = compiled(
        a_html=page(
            ".b { color: {{ colour }} }",
            '<a class="b" href="{{ urls["x"] }}" {% if a %}title="t"{% endif %}>x</a><i class="b">y</i>',
        )
    )
    html = rendered(files, "a.html", {"colour": "#123456", "urls": {"x": "/y"}, "a": False})
    assert '<i style="color: #123456;" class="b">y</i>' in html
    assert 'href="/y"' in html
    assert "title" not in html


def test_a_class_that_is_decided_later_keeps_its_rule(compiled: Write) -> None:
    files = compiled(
        a_html=page(".on { color: red }", """<p class="{{ 'on' if a }}">x</p><p class="on">y</p>""")
    )
    assert ".on" in files["a.html"]


def test_a_style_with_conditions_is_left_alone(compiled: Write) -> None:
    css = "{% if a %}p { color: red }{% endif %}"
    assert compiled(a_html=page(css, "<p>x</p>"))["a.html"] == page(css, "<p>x</p>")


def test_a_declaration_that_is_all_jinja_is_kept(compiled: Write) -> None:
    html = compiled(a_html=page("p { margin: 0 }", '<p style="{{ all }}">x</p>'))["a.html"]
    assert '<p style="{{ all }}">' in html


def test_rules_of_a_layout_reach_the_templates_that_extend_it(compiled: Write) -> None:
    files = compiled(
        a_html="{% extends 'layout.html' %}{% block body %}<p class='b'>x</p>{% endblock %}",
        layout_html=page(".b { color: red }", "{% block body %}{% endblock %}"),
    )
    assert 'style="color: red;"' in rendered(files, "a.html")


def test_rules_reach_a_partial_that_is_a_row_of_a_table(compiled: Write) -> None:
    files = compiled(
        a_html=page(
            "td { color: red }", "<table>{% for n in ns %}{% include 'row.html' %}{% endfor %}</table>"
        ),
        row_html="<tr><td>{{ n }}</td></tr>",
    )
    html = rendered(files, "a.html", {"ns": [1, 2]})
    assert html.count('<td style="color: red;">') == 2


def test_a_linked_style_sheet_beside_the_template_is_inlined(compiled: Write) -> None:
    source = '<html><head><link rel="stylesheet" href="mail.css"></head><body><p>x</p></body></html>'
    files = compiled(a_html=source, mail_css="p { color: red }")
    assert '<p style="color: red;">' in files["a.html"]
    assert "<link" not in files["a.html"]


def test_a_linked_style_sheet_that_is_missing_is_a_fault(compiled: Write) -> None:
    with pytest.raises(DefinitionError, match=r"there is no style sheet 'mail.css'"):
        compiled(a_html='<link rel="stylesheet" href="mail.css"><p>x</p>')


def test_a_style_sheet_outside_the_folder_is_refused(compiled: Write) -> None:
    with pytest.raises(DefinitionError, match="not inside the folder"):
        compiled(a_html='<link rel="stylesheet" href="../mail.css"><p>x</p>')


def test_a_web_font_stays_linked(compiled: Write) -> None:
    source = '<link rel="stylesheet" href="https://fonts.example/a.css"><style>p{margin:0}</style><p>x</p>'
    assert "https://fonts.example/a.css" in compiled(a_html=source)["a.html"]


def test_comments_for_outlook_are_kept(compiled: Write) -> None:
    comment = "<!--[if mso]><table><tr><td><![endif]-->"
    assert comment in compiled(a_html=page("p { margin: 0 }", f"{comment}<p>x</p>"))["a.html"]


def test_lines_keep_their_numbers(compiled: Write) -> None:
    files = compiled(a_html=page("\np { margin: 0 }\n\n", "<p>x</p>\n{{ here }}"))
    assert files["a.html"].split("\n").index("{{ here }}</body></html>") == 4
