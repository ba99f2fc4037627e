"""Block Kit, checked when a workflow is published and measured again when its texts are rendered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, publish, rows, workflow

from dreamlit_pg.rendering import render_batch

from .conftest import step

Json = dict[str, Any]


def plain(text: str = "x") -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str = "x") -> Json:
    return {"type": "mrkdwn", "text": text}


def section(text: str = "x", **more: Any) -> Json:
    return {"type": "section", "text": mrkdwn(text), **more}


def button(text: str = "x", **more: Any) -> Json:
    return {"type": "button", "text": plain(text), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def select(count: int = 1, text: str = "x", value: str = "v") -> Json:
    options = [{"text": plain(text), "value": value} for _ in range(count)]
    return {"type": "static_select", "action_id": "a", "placeholder": plain(), "options": options}


def image(**more: Any) -> Json:
    return {"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a", **more}


def found(admin: Connection, *blocks: Any) -> list[tuple[str, str]]:
    """The faults of the blocks: place and fact."""
    faults = rows(
        admin, "select place, fact, hint from dreamlit._check_blocks('blocks', %s)", Jsonb(list(blocks))
    )
    assert all(fault["hint"] for fault in faults)
    return [(fault["place"], fault["fact"]) for fault in faults]


EVERYTHING: list[Json] = [
    {"type": "header", "text": plain("H" * 150), "block_id": "top"},
    section("s" * 3000),
    {"type": "section", "fields": [mrkdwn("f" * 2000), plain()] * 5, "accessory": image()},
    section(accessory=button(url="https://example.com", style="danger")),
    {"type": "divider"},
    image(title=plain("T")),
    {"type": "image", "slack_file": {"id": "F1"}, "alt_text": "a"},
    {"type": "context", "elements": [image(), mrkdwn(), plain()]},
    actions(*(button(action_id=f"b{n}") for n in range(24)), select(100)),
    {"type": "input", "label": plain(), "element": {"type": "plain_text_input", "action_id": "a"}},
    {"type": "markdown", "text": "**bold**"},
    {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": []}]},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "a"}]]},
    {
        "type": "video",
        "title": plain(),
        "alt_text": "a",
        "thumbnail_url": "https://a",
        "video_url": "https://b",
    },
]


def test_what_slack_takes_is_taken(admin: Connection) -> None:
    assert found(admin, *EVERYTHING) == []


def test_what_templates_make_is_not_measured_before_it_is_made(admin: Connection) -> None:
    long = "{{ trigger.name }}" * 300
    assert found(admin, {"type": "header", "text": plain(long)}, actions(button(long, style="{{ a }}"))) == []


@pytest.mark.parametrize(
    ("block", "place", "fact"),
    [
        ("text", "", "the block is no mapping"),
        ({"text": plain()}, ".type", '"nothing" is no block of a message'),
        ({"type": "sektion"}, ".type", '"sektion" is no block of a message'),
        ({"type": "section"}, "", "neither text nor fields"),
        (section("s" * 3001), ".text.text", "3001 characters long"),
        ({"type": "section", "text": "bare"}, ".text", "no text object"),
        (
            {"type": "section", "text": {"type": "html", "text": "x"}},
            ".text.type",
            '"html" is no type of text',
        ),
        ({"type": "section", "text": {"type": "mrkdwn"}}, ".text.text", "text is missing"),
        (section(""), ".text.text", "it is empty"),
        ({"type": "section", "fields": [mrkdwn()] * 11}, ".fields", "11 entries"),
        ({"type": "section", "fields": [mrkdwn("f" * 2001)]}, ".fields[0].text", "2001 characters long"),
        ({"type": "section", "fields": []}, ".fields", "no list with an entry"),
        (section(accessory={"type": "buton"}), ".accessory.type", '"buton" is no element'),
        ({"type": "header", "text": plain("H" * 151)}, ".text.text", "151 characters long"),
        ({"type": "header", "text": mrkdwn()}, ".text.type", '"mrkdwn" is no type of text here'),
        ({"type": "header"}, ".text", "text is missing"),
        ({"type": "image", "image_url": "https://a"}, ".alt_text", "alt_text is missing"),
        ({"type": "image", "alt_text": "a"}, "", "exactly one of image_url and slack_file"),
        (image(image_url="https://" + "a" * 3000), ".image_url", "3008 characters long"),
        ({"type": "context", "elements": [mrkdwn()] * 11}, ".elements", "11 entries"),
        ({"type": "context", "elements": [button()]}, ".elements[0].type", '"button" is no type of text'),
        (
            {"type": "context", "elements": [{"type": "image", "image_url": "https://a"}]},
            ".elements[0].alt_text",
            "missing",
        ),
        (actions(*[button()] * 26), ".elements", "26 entries"),
        (actions(button("b" * 76)), ".elements[0].text.text", "76 characters long"),
        (actions(button(url="h" * 3001)), ".elements[0].url", "3001 characters long"),
        (actions(button(style="green")), ".elements[0].style", '"green" is no style'),
        (actions(button(action_id="a"), button(action_id="a")), ".elements", "action_id a is used 2 times"),
        (actions(button(action_id="a" * 256)), ".elements[0].action_id", "256 characters long"),
        (actions(select(101)), ".elements[0].options", "101 entries"),
        (actions(select(text="o" * 76)), ".elements[0].options[0].text.text", "76 characters long"),
        (actions(select(value="v" * 151)), ".elements[0].options[0].value", "151 characters long"),
        ({"type": "input", "label": plain()}, ".element", "element is missing"),
        ({"type": "markdown", "text": "m" * 12001}, ".text", "12001 characters long"),
        ({"type": "markdown", "text": 7}, ".text", "it is number, not a text"),
        ({"type": "divider", "block_id": "b" * 256}, ".block_id", "256 characters long"),
    ],
)
def test_what_slack_would_refuse_is_a_fault(admin: Connection, block: Any, place: str, fact: str) -> None:
    (one,) = found(admin, {"type": "divider"}, block)
    assert one[0] == f"blocks[1]{place}"
    assert fact in one[1]


def test_blocks_are_fifty_at_most(admin: Connection) -> None:
    assert found(admin, *[{"type": "divider"}] * 50) == []
    assert found(admin, *[{"type": "divider"}] * 51) == [("blocks", "the message has 51 blocks")]


def test_each_block_id_is_used_once(admin: Connection) -> None:
    twice = [{"type": "divider", "block_id": "b"}] * 2
    assert found(admin, *twice) == [("blocks", "the block_id b is used 2 times")]


def test_publishing_refuses_them_with_their_place(users: Connection) -> None:
    with pytest.raises(psycopg.Error) as refused:
        publish(users, workflow(step("team", channel="#all", blocks=[{"type": "header", "text": mrkdwn()}])))
    assert refused.value.sqlstate == "DL001"
    assert "steps[0].slack.blocks[0].text.type" in str(refused.value.diag.message_primary)


# Rendered


def _rendered(block: Mapping[str, Any], text: str) -> Json:
    templates = {"channel": "#all", "text": "x", "blocks": [block]}
    (result,) = render_batch("slack", templates, {}, [{"made": text}])
    return result


MADE = "{{ made }}"
PLACES: list[tuple[Json, int]] = [
    (section(MADE), 3000),
    ({"type": "section", "fields": [plain(MADE)]}, 2000),
    ({"type": "header", "text": plain(MADE)}, 150),
    (image(alt_text=MADE), 2000),
    (image(image_url=MADE), 3000),
    ({"type": "context", "elements": [mrkdwn(MADE)]}, 3000),
    (actions(button(MADE)), 75),
    (actions(button(url=MADE)), 3000),
    (actions(button(value=MADE)), 2000),
    (actions(button(action_id=MADE)), 255),
    (actions(select(text=MADE)), 75),
    (actions(select(value=MADE)), 150),
    ({"type": "input", "label": plain(MADE), "element": {"type": "datepicker"}}, 2000),
    ({"type": "markdown", "text": MADE}, 12_000),
]


@pytest.mark.parametrize(("block", "most"), PLACES)
def test_a_text_that_a_template_made_too_long_fails_the_message(block: Json, most: int) -> None:
    assert "content" in _rendered(block, "m" * most)
    error = _rendered(block, "m" * (most + 1))["error"]
    assert error["code"] == "limit"
    assert f"is {most + 1} characters long: Slack takes at most {most}" in error["message"]
    assert error["message"].startswith("blocks[0].")


@pytest.mark.parametrize(("block", "most"), PLACES)
def test_publishing_measures_by_the_same_numbers(admin: Connection, block: Json, most: int) -> None:
    def filled(tree: Any, text: str) -> Any:
        if isinstance(tree, dict):
            return {key: filled(leaf, text) for key, leaf in tree.items()}
        if isinstance(tree, list):
            return [filled(leaf, text) for leaf in tree]
        return text if tree == MADE else tree

    assert found(admin, filled(block, "m" * most)) == []
    assert len(found(admin, filled(block, "m" * (most + 1)))) == 1


def test_the_text_of_a_message_has_a_length_too() -> None:
    (result,) = render_batch("slack", {"channel": "#all", "text": MADE}, {}, [{"made": "m" * 40_001}])
    assert "40001 characters long" in result["error"]["message"]
