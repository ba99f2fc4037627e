"""Addresses, subjects and headers that rows bring: delivered as meant, or the task fails with the field and the reason."""

from __future__ import annotations

from email.utils import getaddresses

import pytest
from tests.bad_input.conftest import House, only

FIELDS = {"to": "a@example.com", "subject": "s", "text": "t"}


@pytest.fixture(scope="module")
def watched(house: House) -> dict[str, str]:
    """One workflow for each field that a row may spoil."""
    found = {
        field: house.watch("c text", [{"id": "tell", "email": {**FIELDS, field: "{{ trigger.c }}"}}])
        for field in ("to", "subject", "from", "reply_to", "cc")
    }
    found["name"] = house.watch(
        "c text", [{"id": "tell", "email": {**FIELDS, "to": "{{ trigger.c }} <a@example.com>"}}]
    )
    found["header"] = house.watch(
        "c text", [{"id": "tell", "email": {**FIELDS, "headers": {"X-Tag": "{{ trigger.c }}"}}}]
    )
    return found


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("written", "to"),
    [
        ("a@example.com", ["a@example.com"]),
        ("Ann <a@example.com>", ["Ann <a@example.com>"]),
        ('"Ann, Bob" <a@example.com>', ['"Ann, Bob" <a@example.com>']),
        ("a@example.com, b@example.com", ["a@example.com", "b@example.com"]),
        ("a@example.com,,", ["a@example.com"]),
        ("שלום <a@example.com>", ["שלום <a@example.com>"]),
        ("Ann 🎉 <a@example.com>", ['"Ann 🎉" <a@example.com>']),
        ("a@münchen.example", ["a@münchen.example"]),
        ("A@EXAMPLE.COM", ["A@EXAMPLE.COM"]),
        ('"a b"@example.com', ['"a b"@example.com']),
        ("a@[127.0.0.1]", ["a@[127.0.0.1]"]),
    ],
)
def test_an_address_is_taken_as_written(
    house: House, watched: dict[str, str], written: str, to: list[str]
) -> None:
    house.insert(watched["to"], literal(written))
    assert [content["to"] for content in house.outcome(watched["to"]).contents] == [
        [address] for address in to
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("", "to is empty"),
        (" \t\n ", "to is empty"),
        ("a@example.com\r\nBcc: x@y.z", "the address contains a carriage return"),
        ("a@b@c", "not an address: 'a@b@c'"),
        ("a", "not an address: 'a'"),
        ("@example.com", "not an address"),
        ("a@", "not an address"),
        ("a b@example.com", "not an address"),
        ("Ann, Bob <a@example.com>", "not an address: 'Ann'"),
        ("a@😀.com", "not an address"),
        ("a@" + "x" * 64 + ".com", "not an address"),
        ("x" * 65 + "@example.com", "not an address"),
        ("a@example..com", "not an address"),
        ("a@-example.com", "not an address"),
        ("a@example.com\x01", "the address contains a control character"),
        ("undisclosed:;", "not an address"),
        ("<a@example.com", "not an address"),
        ("<script>@x.com", "not an address"),
        ("a@example.com;b@example.com", "not an address"),
        ("a@exa\u202emple.com", "not an address"),
        ("mailto:a@example.com", "not an address"),
        (".a@example.com", "not an address"),
        ("a@example.com (comment)", "not an address"),
        ("null", "not an address"),
    ],
)
def test_what_is_no_address_fails_its_task_alone(
    house: House, watched: dict[str, str], written: str, message: str
) -> None:
    house.insert(watched["to"], literal(written))
    found = house.outcome(watched["to"])
    assert (found.state, found.contents) == ("failed", [])
    assert (found.error or {})["field"] == "to"
    assert message in (found.error or {})["message"]


@pytest.mark.parametrize(
    ("field", "written", "message"),
    [
        ("subject", "a\nb", "subject contains a line break"),
        ("subject", "a\r\nBcc: x", "subject contains a carriage return"),
        ("subject", "x" * 999, "the subject has 999 bytes: the limit is 998"),
        ("subject", "é" * 600, "1200 bytes"),
        ("from", "nobody", "not an address"),
        ("reply_to", "x", "not an address"),
        ("name", "Ann\r\nBcc: x@y.z", "carriage return"),
        ("header", "x\r\nBcc: x@y.z", "carriage return"),
    ],
)
def test_a_field_that_would_break_the_header_fails_its_task(
    house: House, watched: dict[str, str], field: str, written: str, message: str
) -> None:
    house.insert(watched[field], literal(written))
    found = house.outcome(watched[field])
    assert found.state == "failed"
    assert message in (found.error or {})["message"]


@pytest.mark.parametrize("written", ["🎉 שלום", "\u202eabc", "x" * 998, "", "a\tb"])
def test_a_subject_is_sent_as_it_is(house: House, watched: dict[str, str], written: str) -> None:
    house.insert(watched["subject"], literal(written))
    assert only(house.outcome(watched["subject"]).contents)["subject"] == written


def test_copies_to_nobody_are_none(house: House, watched: dict[str, str]) -> None:
    house.insert(watched["cc"], "'  '")
    assert only(house.outcome(watched["cc"]).contents)["cc"] == []


def test_a_name_cannot_bring_a_second_recipient(house: House, watched: dict[str, str]) -> None:
    house.insert(watched["name"], literal("Ann <evil@x.y>, Bob"))
    (content,) = house.outcome(watched["name"]).contents
    assert [getaddresses([address]) for address in content["to"]] == [
        [("Ann <evil@x.y>, Bob", "a@example.com")]
    ]
