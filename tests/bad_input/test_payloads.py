"""Rows with values at the edge: each arrives as PostgreSQL writes it, or its run fails with the reason. No write fails."""

from __future__ import annotations

import pytest
from tests.bad_input.conftest import House, only

TELL = {"id": "tell", "email": {"to": "a@example.com", "subject": "s", "text": "[{{ trigger.c }}]"}}


@pytest.mark.parametrize(
    ("kind", "literal", "shown"),
    [
        pytest.param("text", "'🎉 שלום e\u0301 \u202e rtl'", "🎉 שלום e\u0301 \u202e rtl", id="emoji, RTL, combining"),
        pytest.param("text", "''", "", id="empty"),
        pytest.param("text", "null", "", id="null"),
        pytest.param("text", "'{{ 7*7 }}{% for %}'", "{{ 7*7 }}{% for %}", id="a template in the data"),
        pytest.param("text", "'''; drop table users; --'", "'; drop table users; --", id="SQL in the data"),
        pytest.param("bytea", r"'\xdeadbeef00'", r"\xdeadbeef00", id="bytea with NUL"),
        pytest.param("numeric", "'NaN'", "NaN", id="numeric NaN"),
        pytest.param("numeric", "'-Infinity'", "-Infinity", id="numeric infinity"),
        pytest.param("numeric", "19.90", "19.90", id="numeric keeps its zero"),
        pytest.param("numeric", "1e-10", "0.0000000001", id="numeric tiny"),
        pytest.param(
            "numeric", "12345678901234567890.12345678901234567890", "12345678901234567890.12345678901234567890",
            id="numeric of 40 digits",
        ),
        pytest.param("float8", "'NaN'", "NaN", id="float NaN"),
        pytest.param("float8", "'Infinity'", "Infinity", id="float infinity"),
        pytest.param("bigint", "9223372036854775807", "9223372036854775807", id="bigint"),
        pytest.param("timestamptz", "'infinity'", "infinity", id="timestamptz infinity"),
        pytest.param("timestamptz", "'-infinity'", "-infinity", id="timestamptz minus infinity"),
        pytest.param("timestamp", "'0044-03-15 BC'", "0044-03-15T00:00:00 BC", id="timestamp BC"),
        pytest.param("date", "'2024-02-29'", "2024-02-29", id="leap day"),
        pytest.param("date", "'5874897-12-31'", "5874897-12-31", id="the last date"),
        pytest.param("time", "'24:00'", "24:00:00", id="midnight at the end"),
        pytest.param("public.mood", "'happy 😀'", "happy 😀", id="enum"),
        pytest.param("public.positive", "3", "3", id="domain"),
        pytest.param("xml", "'<a>&amp;</a>'", "<a>&amp;</a>", id="xml"),
        pytest.param("char(5)", "'a'", "a    ", id="char is padded"),
    ],
)  # fmt: skip
def test_a_value_arrives_as_postgresql_writes_it(house: House, kind: str, literal: str, shown: str) -> None:
    name = house.watch(f"c {kind}", [TELL])
    house.insert(name, literal)
    found = house.outcome(name)
    assert (found.state, found.error) == ("running", None)
    assert only(found.contents)["text"] == f"[{shown}]"


@pytest.mark.parametrize(
    ("kind", "literal", "shown"),
    [
        pytest.param("jsonb", """'{"a": [1, null, "x"]}'""", '{"a": [1, null, "x"]}', id="jsonb"),
        pytest.param("int[]", "'{1,null,3}'", "[1, null, 3]", id="array with null"),
        pytest.param("boolean", "true", "true", id="boolean"),
    ],
)
def test_what_has_a_shape_arrives_as_json_where_a_template_asks_for_it(
    house: House, kind: str, literal: str, shown: str
) -> None:
    step = {"id": "tell", "email": {**TELL["email"], "text": "{{ trigger.c | tojson }}"}}  # type: ignore[dict-item]
    name = house.watch(f"c {kind}", [step])
    house.insert(name, literal)
    assert only(house.outcome(name).contents)["text"] == shown


@pytest.mark.parametrize(
    ("kind", "literal"),
    [
        pytest.param("json", r"""'{"a": "\u0000"}'""", id="json with an escaped NUL"),
        pytest.param("json", r"""'"\ud800"'""", id="json with half a surrogate pair"),
    ],
)
def test_what_jsonb_cannot_hold_breaks_no_write_and_is_told(house: House, kind: str, literal: str) -> None:
    name = house.watch(f"c {kind}", [TELL])
    house.insert(name, literal)
    found = house.outcome(name)
    assert found.state == "failed"
    assert str((found.error or {})["sqlstate"]).startswith("22")


def test_a_field_of_ten_megabytes_that_nobody_reads_costs_nothing(house: House) -> None:
    name = house.watch("c text", [{"id": "tell", "email": {**TELL["email"], "text": "fixed"}}])  # type: ignore[dict-item]
    house.insert(name, "repeat('x', 10485760)")
    assert only(house.outcome(name).contents)["text"] == "fixed"


def test_a_text_of_ten_megabytes_fails_its_task_with_the_limit(house: House) -> None:
    name = house.watch("c text", [TELL])
    house.insert(name, "repeat('x', 10485760)")
    found = house.outcome(name)
    assert (found.state, (found.error or {})["code"]) == ("failed", "limit")
    assert "larger than" in (found.error or {})["message"]


def test_data_nested_without_end_fails_its_task(house: House) -> None:
    name = house.watch("c jsonb", [TELL])
    house.insert(name, "(repeat('[', 3000) || repeat(']', 3000))::jsonb")
    found = house.outcome(name)
    assert (found.state, (found.error or {})["code"]) == ("failed", "limit")


@pytest.mark.parametrize(
    "column",
    [
        "select",
        "x" * 63,
        'we"ird',
        "we'ird",
        "UPPER",
        "ünï",
        "😀",
        "a.b",
        "100%",
        "class",
        "items",
        "a\\b",
        "$1",
        "-",
    ],
)
def test_a_column_may_be_called_anything(house: House, column: str) -> None:
    quoted = '"' + column.replace('"', '""') + '"'
    key = column.replace("\\", "\\\\").replace("'", "\\'")
    step = {"id": "tell", "email": {**TELL["email"], "text": f"[{{{{ trigger['{key}'] }}}}]"}}  # type: ignore[dict-item]
    name = house.watch(f"{quoted} text", [step])
    house.insert(name, "'v'")
    assert only(house.outcome(name).contents)["text"] == "[v]"


# Moments


@pytest.mark.parametrize(
    ("kind", "literal", "until", "waits_until"),
    [
        pytest.param("timestamptz", "'infinity'", "trigger.c", "infinity", id="infinity waits for ever"),
        pytest.param("timestamptz", "'294276-01-01'", "trigger.c", "294276-01-01 00:00:00+00", id="the far future"),
        pytest.param("date", "'2028-02-29'", "(trigger.c + interval '1 year') at time zone 'UTC'", "2029-02-28 00:00:00+00", id="a year after a leap day"),
        pytest.param("timestamp", "'2030-03-31 02:30'", "trigger.c at time zone 'Europe/Berlin'", "2030-03-31 01:30:00+00", id="the hour that summer time skips"),
        pytest.param("timestamp", "'2030-10-27 02:30'", "trigger.c at time zone 'Europe/Berlin'", "2030-10-27 01:30:00+00", id="the hour that comes twice"),
        pytest.param("timestamptz", "'2030-01-31 12:00+00'", "trigger.c + interval '1 month'", "2030-02-28 12:00:00+00", id="a month after 31 January"),
    ],
)  # fmt: skip
def test_a_wait_ends_at_the_moment_that_postgresql_reckons(
    house: House, kind: str, literal: str, until: str, waits_until: str
) -> None:
    name = house.watch(f"c {kind}", [{"id": "nap", "wait": {"until": until}}, TELL])
    house.insert(name, literal)
    assert house.outcome(name).waits_until == waits_until


@pytest.mark.parametrize(
    ("kind", "literal", "until"),
    [
        pytest.param("timestamptz", "'-infinity'", "trigger.c", id="minus infinity"),
        pytest.param("timestamp", "'0044-03-15 BC'", "trigger.c at time zone 'UTC'", id="BC"),
        pytest.param("text", "'2016-12-31 23:59:60+00'", "trigger.c::timestamptz", id="a leap second"),
        pytest.param("int", "-5", "now() + interval '1 day' * trigger.c", id="a negative span"),
    ],
)
def test_a_wait_for_the_past_goes_on_at_once(house: House, kind: str, literal: str, until: str) -> None:
    name = house.watch(f"c {kind}", [{"id": "nap", "wait": {"until": until}}, TELL])
    house.insert(name, literal)
    assert len(house.outcome(name).contents) == 1


@pytest.mark.parametrize(
    ("kind", "literal", "until", "sqlstate"),
    [
        pytest.param("timestamptz", "null", "trigger.c", "22004", id="null"),
        pytest.param(
            "timestamptz", "'294276-12-01'", "trigger.c + interval '1 year'", "22008", id="out of range"
        ),
        pytest.param(
            "text", "'Nowhere/Land'", "timestamp '2030-01-01' at time zone trigger.c", "22023", id="no zone"
        ),
        pytest.param("text", "'2030-02-30'", "trigger.c::timestamptz", "22008", id="no date"),
        pytest.param("int", "0", "now() + interval '1 day' / trigger.c", "22012", id="division by zero"),
        pytest.param("float8", "'NaN'", "now() + interval '1 day' * trigger.c", "22008", id="NaN days"),
        pytest.param("float8", "'NaN'", "to_timestamp(trigger.c)", "22008", id="NaN seconds"),
    ],
)
def test_a_moment_that_is_none_is_a_failed_attempt_with_the_reason(
    house: House, kind: str, literal: str, until: str, sqlstate: str
) -> None:
    name = house.watch(f"c {kind}", [{"id": "nap", "wait": {"until": until}, "attempts": 1}, TELL])
    house.insert(name, literal)
    found = house.outcome(name)
    assert (found.state, (found.error or {})["sqlstate"]) == ("failed", sqlstate)
