"""Definitions that are wrong in shape: as JSON at dreamlit.publish, and as YAML files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.bad_input.conftest import Definition, House, changed

from dreamlit_pg.definition import read_workflow
from dreamlit_pg.errors import DefinitionError

EMAIL = {"to": "a@example.com", "subject": "s", "text": "t"}


def step(name: str, **more: object) -> dict[str, object]:
    return {"id": name, "email": EMAIL, **more}


def steps(*listed: object) -> Definition:
    return changed(steps=list(listed))


def wait(written: object) -> Definition:
    return steps({"id": "nap", "wait": written})


def call(fields: object) -> Definition:
    return {"workflow": "hello", "trigger": {"call": fields}, "steps": [step("greet")]}


NAME = "lower-case letters"
NO_TEXT = "non-empty text"

FAULTS = [
    # definition, place, a part of the fact, a part of the hint
    pytest.param("[]", "", "the definition is no mapping", "write workflow:", id="list"),
    pytest.param("null", "", "the definition is no mapping", "write workflow:", id="null"),
    pytest.param('"hello"', "", "the definition is no mapping", "write workflow:", id="text"),
    pytest.param("{}", "trigger", "trigger is missing", "add trigger", id="nothing in it"),
    pytest.param(changed(stepps=[]), "stepps", "unknown key stepps", "did you mean steps?", id="unknown key"),
    pytest.param(changed(zzzzzzzz=1), "zzzzzzzz", "unknown key", "use one of: workflow", id="unknown key, nothing near"),
    pytest.param({**changed(), "😀": 1}, "😀", "unknown key 😀", "use one of", id="emoji as a key"),
    pytest.param({**changed(), "": 1}, "", "unknown key", "use one of", id="empty key"),
    # the name
    pytest.param(changed(workflow=True), "workflow", "true is no workflow name", NAME, id="name: boolean"),
    pytest.param(changed(workflow=3), "workflow", "3 is no workflow name", NAME, id="name: number"),
    pytest.param(changed(workflow=None), "workflow", "workflow is missing", "add workflow", id="name: null"),
    pytest.param(changed(workflow=""), "workflow", '"" is no workflow name', NAME, id="name: empty"),
    pytest.param(changed(workflow="hello\n"), "workflow", '"hello\\n" is no', NAME, id="name: line break at its end"),
    pytest.param(changed(workflow="Hello"), "workflow", "no workflow name", NAME, id="name: upper case"),
    pytest.param(changed(workflow="w" * 41), "workflow", "no workflow name", "at most 40", id="name: 41 letters"),
    pytest.param(changed(workflow="שלום"), "workflow", "no workflow name", NAME, id="name: RTL"),
    pytest.param(changed(workflow="hello👋"), "workflow", "no workflow name", NAME, id="name: emoji"),
    pytest.param(changed(workflow="w'; drop table x --"), "workflow", "no workflow name", NAME, id="name: SQL"),
    pytest.param(changed(description=["x"]), "description", "array, not a text", NO_TEXT, id="description: list"),
    # the trigger
    pytest.param(changed(trigger=[]), "trigger", "the trigger is no mapping", "table: public.users", id="trigger: list"),
    pytest.param(changed(trigger__on=[]), "trigger.on", "on is an empty list", "insert, update, delete", id="on: nothing"),
    pytest.param(changed(trigger__on="truncate"), "trigger.on", '"truncate" is no change', "did you mean", id="on: truncate"),
    pytest.param(changed(trigger__on="INSERT"), "trigger.on", '"INSERT" is no change', "did you mean insert?", id="on: upper case"),
    pytest.param(changed(trigger__on=["insert", None]), "trigger.on", "null is no change", "use one of", id="on: null in the list"),
    pytest.param(changed(trigger__on=True), "trigger.on", "true is no change", "use one of", id="on: YAML 1.1's true"),
    pytest.param(changed(trigger__table=3), "trigger.table", "number, not a text", NO_TEXT, id="table: number"),
    pytest.param(changed(trigger__table=" \t\n"), "trigger.table", "table is empty", NO_TEXT, id="table: blank"),
    pytest.param(changed(trigger__table="public.user"), "trigger.table", "no table public.user", "public.users?", id="table: typo"),
    pytest.param(changed(trigger__table="a.b.c.d"), "trigger.table", "no table a.b.c.d", "schema.table", id="table: four parts"),
    pytest.param(changed(trigger__table='"'), "trigger.table", 'no table "', "schema.table", id="table: a quote"),
    pytest.param(changed(trigger__table="x" * 300), "trigger.table", "no table xxx", "schema.table", id="table: 300 letters"),
    pytest.param(changed(trigger__table="(select 1)"), "trigger.table", "no table (select 1)", "schema.table", id="table: query"),
    pytest.param(changed(trigger__table="pgmq.q_dreamlit_events"), "trigger.table", "that tests_admin can see", "schema.table",
                 id="table: in a schema that is closed"),
    pytest.param(changed(trigger__table="dreamlit._runs"), "trigger.table", "belongs to the engine", "of your own", id="table: ours"),
    pytest.param(changed(trigger__table="information_schema.tables"), "trigger.table", "the system", "of your own", id="table: the system's"),
    pytest.param(changed(trigger__on="update", trigger__columns=["emial"]), "trigger.columns", "no column emial", "email?", id="columns: typo"),
    pytest.param(changed(trigger__on="update", trigger__columns=["email, id"]), "trigger.columns", "no column email, id", "", id="columns: two in one"),
    pytest.param(changed(trigger__on="update", trigger__columns=[3]), "trigger.columns", "3 is no column name", "columns: [", id="columns: number"),
    pytest.param(changed(trigger__columns=["email"]), "trigger.columns", "not on update", "add update", id="columns: on insert"),
    pytest.param(changed(trigger__key=[]), "trigger.key", "array, not a text", NO_TEXT, id="key: list"),
    # trigger.call
    pytest.param(call(["email"]), "trigger.call", "no mapping of fields", "call: {email: text", id="call: list"),
    pytest.param(call({"email": "txt"}), "trigger.call.email", '"txt" is no type', "such as text", id="call: unknown type"),
    pytest.param(call({"email": None}), "trigger.call.email", "null is no type", "such as text", id="call: null"),
    pytest.param(call({"email": ""}), "trigger.call.email", '"" is no type', "such as text", id="call: empty type"),
    pytest.param(call({"email": "'"}), "trigger.call.email", "is no type", "such as text", id="call: a quote as the type"),
    pytest.param(call({"email": "text); drop table public.users"}), "trigger.call.email", "is no type", "such as text", id="call: SQL as the type"),
    pytest.param(call({"email": "a.b.c.d"}), "trigger.call.email", "is no type", "such as text", id="call: four parts"),
    pytest.param(call({"email": "anyelement"}), "trigger.call.email", "is no type", "such as text", id="call: pseudo-type"),
    pytest.param(call({"email": "record"}), "trigger.call.email", "is no type", "such as text", id="call: record"),
    pytest.param(call({"email": "void"}), "trigger.call.email", "is no type", "such as text", id="call: void"),
    pytest.param(call({"email": "numeric(9999)"}), "trigger.call.email", "is no type", "such as text", id="call: precision out of range"),
    pytest.param(call({"E mail": "text"}), "trigger.call.E mail", "is no field name", "lower-case", id="call: blank in a name"),
    pytest.param(call({"x" * 64: "text"}), f"trigger.call.{'x' * 64}", "is no field name", "at most 63", id="call: name of 64 letters"),
    pytest.param(call({f"c{n}": "text" for n in range(1601)}), "trigger.call", "more than 1600 fields", "jsonb", id="call: 1601 fields"),
    pytest.param({**call({"email": "text"}), "trigger": {"call": {"email": "text"}, "table": "public.users"}}, "trigger.table",
                 "unknown key table", "call, key", id="call and table"),
    # steps
    pytest.param(changed(steps={}), "steps", "no list of steps", "at least one step", id="steps: mapping"),
    pytest.param(changed(steps=[]), "steps", "no list of steps", "at least one step", id="steps: none"),
    pytest.param(changed(steps=["greet"]), "steps[0]", "the step is no mapping", "- id", id="step: text"),
    pytest.param(changed(steps=[None]), "steps[0]", "the step is no mapping", "- id", id="step: null"),
    pytest.param(steps({"id": "a"}), "steps[0]", "the step does nothing", "wait, query, email, slack, if", id="step: does nothing"),
    pytest.param(steps(step("a", slack={"text": "x"})), "steps[0]", "email and slack at once", "one step each", id="step: two at once"),
    pytest.param(steps(step("a", atempts=3)), "steps[0].atempts", "unknown key", "did you mean attempts?", id="step: unknown key"),
    pytest.param(steps({"id": "a", "wait": "1 day", "lane": "bulk"}), "steps[0].lane", "unknown key lane", "attempts", id="step: lane of a wait"),
    pytest.param(steps(step("a"), step("a")), "steps[1].id", "used 2 times", "of its own", id="ids: twice the same"),
    pytest.param(steps(step("A")), "steps[0].id", '"A" is no step id', NAME, id="id: upper case"),
    pytest.param(steps(step("a-b")), "steps[0].id", "is no step id", NAME, id="id: hyphen"),
    pytest.param(steps(step("a\n")), "steps[0].id", "is no step id", NAME, id="id: line break"),
    pytest.param(steps(step("a" * 41)), "steps[0].id", "is no step id", "at most 40", id="id: 41 letters"),
    pytest.param(steps(step("select")), "steps[0].id", "a word of SQL", "another id", id="id: SQL keyword"),
    pytest.param(steps(step("trigger")), "steps[0].id", "or of ours", "another id", id="id: trigger"),
    pytest.param(steps({"id": 7, "email": EMAIL}), "steps[0].id", "number, not a text", NO_TEXT, id="id: number"),
    pytest.param(steps(step("a", after="b"), step("b", after="a")), "steps[1].after", "b comes after itself", "circle", id="after: circle of two"),
    pytest.param(steps(step("a", after="c"), step("b"), step("c")), "steps[0].after", "a comes after itself", "circle", id="after: circle of three"),
    pytest.param(steps(step("a", after="a")), "steps[0].after", "a comes after itself", "circle", id="after: itself"),
    pytest.param(steps(step("greet", after="gret")), "steps[0].after", "no step gret", "did you mean greet?", id="after: typo"),
    pytest.param(steps(step("a", attempts=0)), "steps[0].attempts", "attempts is 0", "1 to 50", id="attempts: none"),
    pytest.param(steps(step("a", attempts=-1)), "steps[0].attempts", "attempts is -1", "1 to 50", id="attempts: negative"),
    pytest.param(steps(step("a", attempts=51)), "steps[0].attempts", "attempts is 51", "1 to 50", id="attempts: 51"),
    pytest.param(steps(step("a", attempts=1.5)), "steps[0].attempts", "attempts is 1.5", "1 to 50", id="attempts: fraction"),
    pytest.param(steps(step("a", attempts="3")), "steps[0].attempts", 'attempts is "3"', "1 to 50", id="attempts: text"),
    pytest.param(steps(step("a", lane="fast")), "steps[0].lane", '"fast" is no lane', "urgent or bulk", id="lane: unknown"),
    pytest.param(steps(step("a", when_uncertain=[])), "steps[0].when_uncertain", "[] is no way", "hold or retry", id="when_uncertain: list"),
    pytest.param(steps({"id": "a", "query": "select 1 as x", "collect": "yes"}), "steps[0].collect", 'collect is "yes"', "true or false", id="collect: text"),
    # wait
    pytest.param(wait(3), "steps[0].wait", "wait is 3", "3 days", id="wait: number"),
    pytest.param(wait(""), "steps[0].wait", '"" is no interval', "3 days", id="wait: empty"),
    pytest.param(wait("soon"), "steps[0].wait", '"soon" is no interval', "3 days", id="wait: soon"),
    pytest.param(wait("\uff13 days"), "steps[0].wait", "is no interval", "3 days", id="wait: full-width digit"),
    pytest.param(wait("-1 day"), "steps[0].wait", "negative", "positive", id="wait: negative"),
    pytest.param(wait("1 month -31 days"), "steps[0].wait", "negative", "positive", id="wait: negative in sum"),
    pytest.param(wait("1 day ago"), "steps[0].wait", "negative", "positive", id="wait: ago"),
    pytest.param(wait("infinity"), "steps[0].wait", "", "3 days", id="wait: infinity"),
    pytest.param(wait("999999999999 years"), "steps[0].wait", "is no interval", "3 days", id="wait: overflow of an interval"),
    pytest.param(wait("178000000 years"), "steps[0].wait", "more than 1000 years", "shorter", id="wait: overflow of a timestamp"),
    pytest.param(wait("9223372036854775807 microseconds"), "steps[0].wait", "more than 1000 years", "shorter", id="wait: the longest of all"),
    pytest.param(wait({"untill": "now()"}), "steps[0].wait.untill", "unknown key", "did you mean until?", id="wait: typo"),
    pytest.param(wait({"until": None}), "steps[0].wait.until", "until is missing", "add until", id="wait: until null"),
    # slack
    pytest.param(steps({"id": "a", "slack": {"channel": "#all", "blocks": []}}), "steps[0].slack", "is empty", "text, blocks", id="slack: no blocks"),
    pytest.param(steps({"id": "a", "slack": {"blocks": [{}] * 51}}), "steps[0].slack.blocks", "51 blocks", "takes 50", id="slack: 51 blocks"),
    pytest.param(steps({"id": "a", "slack": "#all"}), "steps[0].slack", "slack is no mapping", "slack: {channel", id="slack: text"),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "place", "fact", "hint"), FAULTS)
def test_a_wrong_definition_is_refused_with_place_fact_and_hint(
    house: House, definition: Definition | str, place: str, fact: str, hint: str
) -> None:
    house.assert_fault(definition, place, fact, hint)


SOUND = [
    pytest.param(steps(step("a", after="b"), step("b", after="trigger")), id="a parent further down"),
    pytest.param(changed(workflow="w" * 40), id="name of 40 letters"),
    pytest.param(steps(step("a" * 40)), id="id of 40 letters"),
    pytest.param(changed(trigger__on=["insert", "insert"]), id="insert twice"),
    pytest.param(changed(trigger__on="update", trigger__columns="email"), id="one column without a list"),
    pytest.param(changed(trigger__table="PUBLIC.Users"), id="table in another case, as SQL reads it"),
    pytest.param(wait("0"), id="no wait at all"),
    pytest.param(wait("1000 years"), id="a thousand years"),
    pytest.param(changed(description="🎉 שלום e\u0301"), id="emoji, RTL and combining characters"),
    pytest.param(steps(*(step(f"s{n}") for n in range(300))), id="300 steps"),
    pytest.param('{"workflow": "first", ' + json.dumps(changed())[1:], id="a key twice: JSON takes the last"),
]


@pytest.mark.parametrize("definition", SOUND)
def test_what_only_looks_odd_is_published(house: House, definition: Definition | str) -> None:
    house.try_publishing(definition)


@pytest.mark.parametrize("depth", [60, 3_000, 10_000])
@pytest.mark.parametrize("where", ["description", "files", "trigger", "steps", "blocks"])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a": ', "}")], ids=["lists", "mappings"])
def test_a_definition_nested_without_end_is_refused(
    house: House, brackets: tuple[str, str], where: str, depth: int
) -> None:
    nested = brackets[0] * depth + "1" + brackets[1] * depth
    definition = (
        json.dumps(steps({"id": "a", "slack": {"text": "x", "blocks": "@"}}))
        if where == "blocks"
        else json.dumps(changed(**{where: "@"}))
    )
    house.assert_fault(definition.replace('"@"', nested), "", "nested more than 50 levels", "flatter")


def test_the_deepest_nesting_is_stopped_by_postgresql(house: House) -> None:
    with pytest.raises(psycopg.errors.StatementTooComplex, match="stack depth"):
        house.try_publishing("[" * 1_000_000)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param('{"workflow": "a\\u0000"}', "22P05", id="NUL"),
        pytest.param('{"workflow": "\\ud800"}', "22P02", id="half a surrogate pair"),
        pytest.param('{"workflow": NaN}', "22P02", id="NaN"),
        pytest.param('{"workflow": Infinity}', "22P02", id="Infinity"),
        pytest.param("{'workflow': 'a'}", "22P02", id="single quotes"),
        pytest.param('{"workflow": "a",}', "22P02", id="trailing comma"),
        pytest.param("\ufeff{}", "22P02", id="byte order mark"),
        pytest.param("", "22P02", id="empty"),
    ],
)
def test_what_is_no_json_never_reaches_us(house: House, text: str, code: str) -> None:
    with pytest.raises(psycopg.Error) as raised:
        house.try_publishing(text)
    assert raised.value.sqlstate == code


def test_null_has_no_definition(house: House) -> None:
    with pytest.raises(psycopg.Error) as raised, house.admin.transaction(force_rollback=True):
        house.admin.execute("select dreamlit.publish(null)")
    assert raised.value.sqlstate == "DL001"


# YAML files --------------------------------------------------------------------------------------

LAUGHS = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
)

FILES = [
    # content, place behind the file's name, a part of the fact, a part of the hint
    pytest.param(b"", "", "the file is empty", "workflow: its_name", id="empty"),
    pytest.param(b"# nothing\n", "", "the file is empty", "workflow: its_name", id="only a comment"),
    pytest.param(b"\xef\xbb\xbf", "", "the file is empty", "workflow: its_name", id="only a byte order mark"),
    pytest.param(b"- a\n", "", "holds a list", "workflow: its_name", id="list"),
    pytest.param(b"hello\n", "", "holds text", "workflow: its_name", id="text"),
    pytest.param(b"workflow: \xff\xfe\n", ":1", "is not UTF-8", "as UTF-8", id="invalid UTF-8"),
    pytest.param("workflow: é\n".encode("latin-1"), ":1", "is not UTF-8", "as UTF-8", id="Latin-1"),
    pytest.param("workflow: x\n".encode("utf-16"), ":1", "is not UTF-8", "as UTF-8", id="UTF-16"),
    pytest.param(b"workflow: x\xed\xa0\x80\n", ":1", "is not UTF-8", "as UTF-8", id="surrogate as bytes"),
    pytest.param(b"workflow: a\0b\n", "", "contains a NUL", "UTF-8 text", id="NUL byte"),
    pytest.param(b'workflow: "a\\0b"\n', ": workflow", "contains a NUL", "take", id="NUL escaped"),
    pytest.param(b'steps: [{id: "\\ud83d"}]\n', ": steps[0].id", "half a surrogate pair", "itself", id="half a surrogate pair"),
    pytest.param(b"workflow: x\n\tsteps: []\n", ":2:1", "not YAML", "spaces, not with tabs", id="tab"),
    pytest.param(b"workflow: x\nworkflow: y\n", ":2:1", "a second time", "", id="duplicate key"),
    pytest.param(b"steps:\n  - {id: a, id: b}\n", ":2:13", "a second time", "", id="duplicate key in a step"),
    pytest.param(b"workflow: a: b\n", ":1:12", "not YAML", "into quotes", id="colon in a text"),
    pytest.param(b"to: {{ trigger.email }}\n", ":1:6", "not text", "", id="template without quotes"),
    pytest.param(b"workflow: [a\n", ":2:1", "not YAML", "", id="open bracket"),
    pytest.param(b'workflow: "a\n', ":2:1", "not YAML", "", id="open quote"),
    pytest.param(b"a: 1\n---\nb: 2\n", ":2:1", "more than one document", "one workflow a file", id="two documents"),
    pytest.param(b"a: !!python/object/apply:os.system [id]\n", ":1:4", "constructor", "without tags", id="python object"),
    pytest.param(b"a: !!binary aGk=\n", ": a", "a bytes has no form in JSON", "into quotes", id="binary"),
    pytest.param(b"a: !!set {x}\n", ": a", "a set has no form in JSON", "into quotes", id="set"),
    pytest.param(b"a: !!float .inf\n", ": a", "inf has no form in JSON", "into quotes", id="infinity"),
    pytest.param(b"a: !!timestamp 2024-02-30\n", "", "day is out of range", "", id="30 February"),
    pytest.param(b"1: a\n", ":1:1", "the key 1 is not text", "", id="number as a key"),
    pytest.param(b"? [a]\n: b\n", ":1:3", "is not text", "", id="list as a key"),
    pytest.param(LAUGHS.encode(), "", "stands for more than 100000 values", "fewer aliases", id="billion laughs"),
    pytest.param(b"a: &a [*a]\n", ":1:4", "an alias contains itself", "", id="alias of itself"),
    pytest.param(b"a: *nobody\n", ":1:4", "undefined alias", "", id="alias of nothing"),
    pytest.param(b"a: " + b"[" * 10_000 + b"]" * 10_000, "", "nested too deeply", "", id="10000 levels of lists"),
    pytest.param(b"a: " + b"{a: " * 10_000 + b"1" + b"}" * 10_000, "", "nested too deeply", "", id="10000 levels of mappings"),
    pytest.param(b"\n".join(b" " * n + b"a:" for n in range(2_500)), "", "nested too deeply", "", id="2500 levels of indentation"),
    pytest.param(b"x: " + b"y" * (5 << 20), "", "bytes: the limit is", "", id="5 MB"),
    pytest.param(b"files: {a: b}\n", "", "is not for a file", "when the file is read", id="files"),
    pytest.param(b"a: \x01\n", "", "not YAML", "", id="control character"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "place", "fact", "hint"), FILES)
def test_a_wrong_file_is_refused_with_its_place(
    tmp_path: Path, content: bytes, place: str, fact: str, hint: str
) -> None:
    file = tmp_path / "w.yaml"
    file.write_bytes(content)
    with pytest.raises(DefinitionError) as raised:
        read_workflow(file)
    [fault] = raised.value.faults
    assert fault.place == f"{file}{place}"
    assert fact in fault.fact
    assert hint in (fault.hint or "")
    assert raised.value.code == "DL001"


@pytest.mark.parametrize(
    ("content", "read"),
    [
        pytest.param("\ufeffworkflow: hello\n", "hello", id="byte order mark"),
        pytest.param("workflow: hello\r\n", "hello", id="CRLF"),
        pytest.param(
            "workflow: '🎉 שלום e\u0301'\n", "🎉 שלום e\u0301", id="emoji, RTL and combining characters"
        ),
        pytest.param('workflow: "\\U0001F389"\n', "🎉", id="emoji escaped"),
        pytest.param("workflow: 2024-02-29\n", "2024-02-29", id="a leap day stays text"),
        pytest.param("workflow: 12:30:45\n", "12:30:45", id="no sexagesimal numbers"),
        pytest.param("workflow: no\n", "no", id="Norway"),
        pytest.param("workflow: .nan\n", ".nan", id="not a number stays text"),
        pytest.param("workflow: 0o17\n", "0o17", id="octal stays text"),
        pytest.param(
            "workflow: 99999999999999999999999999\n", 99999999999999999999999999, id="a great number"
        ),
        pytest.param("workflow: |\n  a\n  b\n", "a\nb\n", id="block"),
    ],
)
def test_what_only_looks_odd_in_a_file_is_read_as_written(tmp_path: Path, content: str, read: Any) -> None:
    file = tmp_path / "w.yaml"
    file.write_bytes(content.encode())
    assert read_workflow(file).document["workflow"] == read
