"""MJML and CSS become HTML in which every bit of Jinja is where it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from dreamlit_pg.definition import read_workflow
from dreamlit_pg.errors import DefinitionError
from dreamlit_pg.rendering import render_batch
from dreamlit_pg.writing import WritingError, prepare


def nothing(name: str) -> str:
    raise AssertionError(name)


def mjml(body: str, head: str = "") -> str:
    return f"<mjml><mj-head>{head}</mj-head><mj-body>{body}</mj-body></mjml>"


def section(inside: str) -> str:
    return f"<mj-section><mj-column>{inside}</mj-column></mj-section>"


def rendered(source: str, name: str = "a.mjml", **trigger: object) -> str:
    """The HTML that a file becomes for one item."""
    files = {name: prepare(name, source, nothing)}
    (result,) = render_batch(
        "email", {"to": "a@example.com", "subject": "s", "template": name}, files, [{"trigger": trigger}]
    )
    return str(result["content"]["html"])


def test_a_value_stands_in_text_and_attributes_escaped() -> None:
    html = rendered(
        mjml(section('<mj-text color="{{ trigger.c }}">Hi {{ trigger.n }}</mj-text><mj-button href="https://x.test/?n={{ trigger.n }}">Go</mj-button>')),
        c="#123456",
        n="<Ada & Co>",
    )  # fmt: skip
    assert "Hi &lt;Ada &amp; Co&gt;" in html
    assert 'href="https://x.test/?n=&lt;Ada &amp; Co&gt;"' in html
    assert "color:#123456" in html


def test_a_loop_repeats_sections_columns_and_rows() -> None:
    rows = "<mj-table>{% for r in f.rows %}<tr><td>[{{ r }}]</td></tr>{% endfor %}</mj-table>"
    source = mjml("{% for f in trigger.list %}" + section(rows) + "{% endfor %}")
    html = rendered(source, list=[{"rows": [1, 2]}, {"rows": [3]}])
    assert [html.count(f"[{n}]") for n in (1, 2, 3)] == [1, 1, 1]
    assert html.index("<table") < html.index("[1]") < html.index("[2]") < html.index("[3]")


def test_a_condition_leaves_out_what_it_surrounds() -> None:
    source = mjml("{% if trigger.yes %}" + section("<mj-text>yes</mj-text>") + "{% else %}" + section("<mj-text>no</mj-text>") + "{% endif %}")  # fmt: skip
    assert ">yes<" in rendered(source, yes=True)
    assert ">yes<" not in rendered(source, yes=False)


def test_a_condition_stands_within_a_text_with_quotes_and_angles() -> None:
    source = mjml(
        section("""<mj-text>{% if trigger.n > 3 and trigger.s == "<b>" %}<b>much</b>{% endif %}</mj-text>""")
    )
    assert "<b>much</b>" in rendered(source, n=4, s="<b>")


def test_a_partial_is_put_in_with_its_own_partials() -> None:
    files = {
        "parts/foot.mjml": section("<mj-text>foot</mj-text>") + '<mj-include path="./parts/end.mjml" />',
        "parts/end.mjml": section("<mj-text>{{ trigger.n }}</mj-text>"),
    }
    html = prepare("a.mjml", mjml('<mj-include path="parts/foot.mjml"></mj-include>'), files.__getitem__)
    assert ">foot<" in html
    assert "{{ trigger.n }}" in html


def test_a_partial_that_includes_itself_is_refused() -> None:
    with pytest.raises(WritingError, match="50 levels"):
        prepare("a.mjml", mjml('<mj-include path="a.mjml" />'), lambda _: '<mj-include path="a.mjml" />')


def test_what_is_no_mjml_is_told_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "a.mjml").write_text("<mjml><mj-body><mj-section></mj-body></mjml>", "utf-8")
    workflow = tmp_path / "w.yaml"
    workflow.write_text(
        "workflow: w\ntrigger: {call: {a: text}}\nsteps:\n  - id: s\n    email: {to: a@x.com, subject: s, template: a.mjml}\n",
        "utf-8",
    )
    with pytest.raises(DefinitionError, match=r"a\.mjml.*no MJML"):
        read_workflow(workflow)


def test_a_partial_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.mjml").write_text(mjml('<mj-include path="../secret.mjml" />'), "utf-8")
    workflow = tmp_path / "w.yaml"
    workflow.write_text(
        "workflow: w\ntrigger: {call: {a: text}}\nsteps:\n  - id: s\n    email: {to: a@x.com, subject: s, template: a.mjml}\n",
        "utf-8",
    )
    with pytest.raises(DefinitionError, match="not inside the folder"):
        read_workflow(workflow)


def test_css_is_inlined_and_media_queries_stay() -> None:
    source = (
        "<html><head><style>.a { color: red } @media (max-width: 9px) { .a { color: blue } }</style></head>"
        '<body><p class="a">{{ trigger.n }}</p><table>{% for r in trigger.r %}<tr><td class="a">{{ r }}</td></tr>{% endfor %}</table></body></html>'
    )
    html = rendered(source, "a.html", n="x", r=[1, 2])
    assert '<p class="a" style="color: red;">x</p>' in html
    assert html.count('<td class="a" style="color: red;">') == 2
    assert "@media (max-width: 9px)" in html


@pytest.mark.parametrize(
    "source",
    [
        "<p>{{ trigger.n }}</p>",
        "<style>p { color: red }</style><p>part</p>",
        "<html><body>plain</body></html>",
    ],
)
def test_a_part_and_a_page_without_styles_stay_byte_for_byte(source: str) -> None:
    assert prepare("a.html", source, nothing) == source


def test_outlooks_conditional_comments_stay() -> None:
    source = "<html><head><style>p { color: red }</style></head><body><!--[if mso]><b>{{ trigger.n }}</b><![endif]--><p>x</p></body></html>"
    assert "<!--[if mso]><b>Ada</b><![endif]-->" in rendered(source, "a.html", n="Ada")


def test_nothing_is_loaded_from_anywhere() -> None:
    source = '<html><head><link rel="stylesheet" href="http://127.0.0.1:1/x.css"><style>p { color: red }</style></head><body><p>x</p></body></html>'
    assert 'style="color: red;"' in prepare("a.html", source, nothing)


def test_a_text_that_looks_like_a_token_is_left_alone() -> None:
    source = (
        "<html><head><style>p { color: red }</style></head><body><p>jinja0z {{ trigger.n }}</p></body></html>"
    )
    assert ">jinja0z Ada<" in rendered(source, "a.html", n="Ada")
