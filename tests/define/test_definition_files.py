"""From YAML files to definitions: what is read, gathered and refused, with the place in the file."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dreamlit_pg import errors
from dreamlit_pg.definition import Definition, read_folder, read_workflow
from dreamlit_pg.errors import DefinitionError, Fault, from_database

WELCOME = """\
workflow: welcome
trigger:
  table: public.users
  on: insert
  when: new.email is not null
steps:
  - id: greet
    email: {to: "{{ trigger.email }}", subject: "Welcome, {{ trigger.name }}", template: greet.html}
  - id: nap
    wait: 3 days
  - id: team
    after: trigger
    slack: {channel: "#signups", text: "{{ trigger.email }} signed up"}
"""


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_html", ".html").replace("_txt", ".txt").replace(
            "_yaml", ".yaml"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def read(folder: Path, text: str) -> dict[str, Any]:
    return read_workflow(write(folder, w_yaml=text) / "w.yaml").document


def refused(folder: Path, text: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        read(folder, text)
    return caught.value


def test_a_workflow_with_its_files_and_references(tmp_path: Path) -> None:
    write(
        tmp_path,
        w_yaml=WELCOME,
        templates__greet_html="{% extends 'layout.html' %}{% block b %}{{ trigger.name }}{% endblock %}",
        templates__greet_txt="Hi",
        layout_html="{% block b %}{% endblock %}{% include 'parts/foot.html' %}",
        parts__foot_html="bye",
        unused_html="never",
    )
    found = read_workflow(tmp_path / "w.yaml")
    assert isinstance(found, Definition)
    assert (found.name, found.path) == ("welcome", tmp_path / "w.yaml")
    assert list(found.document) == ["workflow", "trigger", "steps", "files", "references"]
    assert found.document["trigger"] == {
        "table": "public.users",
        "on": "insert",
        "when": "new.email is not null",
    }
    assert found.document["steps"][1] == {"id": "nap", "wait": "3 days"}
    assert list(found.document["files"]) == ["greet.html", "greet.txt", "layout.html", "parts/foot.html"]
    assert list(found.document["references"]) == ["steps[0].email", "steps[2].slack"]
    paths = [(entry["field"], entry["path"]) for entry in found.document["references"]["steps[0].email"]]
    assert paths == [
        ("to", ["trigger", "email"]),
        ("subject", ["trigger", "name"]),
        ("template", ["trigger", "name"]),
    ]
    json.dumps(found.document, allow_nan=False)


def test_files_that_only_inline_templates_name(tmp_path: Path) -> None:
    write(tmp_path, a_html="A", b_txt="B")
    steps = (
        "workflow: w\nsteps: [{email: {html: \"{% include 'a.html' %}\", text: \"{% include 'b.txt' %}\"}}]\n"
    )
    assert read(tmp_path, steps)["files"] == {"a.html": "A", "b.txt": "B"}


def test_a_template_that_does_not_parse_is_left_to_publish(tmp_path: Path) -> None:
    found = read(tmp_path, "workflow: w\nsteps: [{email: {to: '{{ x'}}]\n")
    assert "error" in found["references"]["steps[0].email"][0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"), ("yes", "yes"), ("No", "No"), ("OFF", "OFF"), ("true", True), ("False", False),
        ("3 days", "3 days"), ("12:30", "12:30"), ("12:30:45", "12:30:45"), ("2026-01-31", "2026-01-31"),
        ("2026-01-31 10:00:00", "2026-01-31 10:00:00"), ("7", 7), ("-7", -7), ("0", 0), ("007", "007"), ("0x1F", "0x1F"),
        ("1_000", "1_000"), ("1.5", 1.5), ("1e3", 1000.0), (".inf", ".inf"), ("1.2.3", "1.2.3"), ("~", None), ("null", None),
        ("", None), ("'7'", "7"), ("=", "="), ("[a, b]", ["a", "b"]), ("é ☺", "é ☺"),
    ],
)  # fmt: skip
def test_values(tmp_path: Path, text: str, value: Any) -> None:
    found = read(tmp_path, f"workflow: w\non: {text}\n")
    assert found["on"] == value
    assert type(found["on"]) is type(value)


def test_keys_stay_text(tmp_path: Path) -> None:
    found = read(tmp_path, "workflow: w\non: 1\nyes: 2\nno: 3\ny: 4\n")
    assert {key: found[key] for key in ("on", "yes", "no", "y")} == {"on": 1, "yes": 2, "no": 3, "y": 4}


def test_anchors_and_merges(tmp_path: Path) -> None:
    found = read(tmp_path, "a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3\nc: *a\n")
    assert (found["b"], found["c"]) == ({"x": 1, "y": 3}, {"x": 1, "y": 2})


@pytest.mark.parametrize(
    ("text", "place", "fact"),
    [
        ("", "", "the file is empty"),
        ("- a\n", "", "holds a list"),
        ("hello\n", "", "holds text"),
        ("a: 1\nb: [\n", ":3:1", "not YAML"),
        ("a: 1\n\tb: 2\n", ":2:1", "not YAML"),
        ("a: b: c\n", ":1:5", "not YAML"),
        ("a: 1\nb: 2\na: 3\n", ":3:1", "the key 'a' stands here a second time: the first is on line 1"),
        ("x:\n  - {a: 1, a: 2}\n", ":2:12", "a second time"),
        ("a: 1\n---\nb: 2\n", ":2:1", "more than one document"),
        ("1: a\n", ":1:1", "the key 1 is not text"),
        ("true: a\n", ":1:1", "the key true is not text"),
        ("[a, b]: c\n", ":1:1", "is not text"),
        ("a: !!python/object/apply:os.system [id]\n", ":1:4", "could not determine a constructor"),
        ("a: !mine x\n", ":1:4", "could not determine a constructor"),
        ("a: !!timestamp 2026-01-31\n", ": a", "has no form in JSON"),
        ("a: !!float .nan\n", ": a", "has no form in JSON"),
        ("a: &a [*a]\n", ":1:4", "an alias contains itself"),
        ("a: *nobody\n", ":1:4", "not YAML"),
        ("files: {}\n", "", "is not for a file"),
        ("a: \x01\n", "", "not YAML"),
        ("a: " + "[" * 3000 + "]" * 3000, "", "nested too deeply"),
    ],
)
def test_faults_of_the_file(tmp_path: Path, text: str, place: str, fact: str) -> None:
    found = refused(tmp_path, text)
    (fault,) = found.faults
    assert fault.place == f"{tmp_path}/w.yaml{place}"
    assert fact in fault.fact
    assert found.code == "DL001"
    assert str(found).startswith(fault.place)


def test_aliases_that_explode(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    assert "stands for more than" in str(refused(tmp_path, "\n".join(lines)))


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(DefinitionError, match=r"w\.yaml:2: byte 8 is not UTF-8"):
        read_workflow(tmp_path / "w.yaml")
    (tmp_path / "a.html").write_bytes(b"\xff")
    assert "not UTF-8" in str(refused(tmp_path, "workflow: w\nsteps: [{email: {template: a.html}}]"))
    with pytest.raises(DefinitionError, match="no such file"):
        read_workflow(tmp_path / "nope.yaml")


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "w.yaml").write_bytes(b"\xef\xbb\xbfworkflow: w\n")
    assert read_workflow(tmp_path / "w.yaml").name == "w"


def test_a_missing_template_file_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, templates__greet_html="x")
    found = refused(tmp_path, "workflow: w\nsteps: [{wait: 1 day}, {email: {template: gret.html}}]")
    assert found.faults == (
        Fault(
            place=f"{tmp_path}/w.yaml: steps[1].email.template",
            fact="there is no template file 'gret.html'",
            hint="did you mean 'greet.html'?",
        ),
    )


def test_a_file_that_a_template_misses_is_told_in_the_references(tmp_path: Path) -> None:
    write(tmp_path, a_html="{% include 'fot.html' %}{% include 'maybe.html' ignore missing %}")
    found = read(tmp_path, "workflow: w\nsteps: [{email: {template: a.html}}]")
    (entry,) = found["references"]["steps[0].email"]
    assert (entry["file"], entry["error"]) == (
        "a.html",
        "there is no template file 'fot.html': did you mean 'a.html'?",
    )


@pytest.mark.parametrize(
    "name", ["../secret.html", "/etc/passwd", "a/../../secret.html", "..", "", "..\\secret.html", "c:/x.html", "link.html",
             "out/secret.html"],
)  # fmt: skip
@pytest.mark.parametrize("inline", [False, True])
def test_no_file_outside_the_folder_is_read(tmp_path: Path, name: str, inline: bool) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    write(tmp_path, secret_html="secret")
    (folder / "link.html").symlink_to(tmp_path / "secret.html")
    (folder / "out").symlink_to(tmp_path)
    field = {"html": f"{{% include {json.dumps(name)} %}}"} if inline else {"template": name}
    text = json.dumps({"workflow": "w", "steps": [{"email": field}]})
    assert "folder of the workflow" in refused(folder, text).faults[0].fact


def test_a_link_that_stays_inside_is_followed(tmp_path: Path) -> None:
    write(tmp_path, a_html="A")
    (tmp_path / "b.html").symlink_to("a.html")
    assert read(tmp_path, "steps: [{email: {template: b.html}}]")["files"] == {"b.html": "A"}


def test_odd_shapes_are_left_to_publish(tmp_path: Path) -> None:
    for steps in (
        "7",
        "[1, null]",
        "{a: 1}",
        "[{email: 7}]",
        "[{email: {template: 7}}]",
        "[{slack: {blocks: [[1]]}}]",
    ):
        assert read(tmp_path, f"workflow: 7\nsteps: {steps}\n")["files"] == {}


def test_a_folder(tmp_path: Path) -> None:
    write(tmp_path, b_yaml="workflow: b", a_yaml="workflow: a", sub__c_yaml="workflow: c", x_txt="x")
    (tmp_path / "d.yml").write_text("steps: []\n")
    assert [found.name for found in read_folder(tmp_path)] == ["a", "b", "d"]


def test_a_folder_reports_the_faults_of_all_files(tmp_path: Path) -> None:
    write(tmp_path, a_yaml="workflow: a", b_yaml="workflow: a", c_yaml="[", d_yaml="- x")
    with pytest.raises(DefinitionError) as caught:
        read_folder(tmp_path)
    assert [Path(fault.place.split(":")[0]).name for fault in caught.value.faults] == [
        "b.yaml",
        "c.yaml",
        "d.yaml",
    ]
    assert "already defined in a.yaml" in caught.value.faults[0].fact
    assert str(caught.value).endswith("(and 2 more)")


def test_a_folder_without_workflows(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nope"):
        with pytest.raises(DefinitionError):
            read_folder(path)


# --- errors of the database


def database_error(
    code: str | None, *, detail: str | None = None, hint: str | None = None, kind: str = "Error"
) -> Any:
    error = type(kind, (Exception,), {})("text of the client")
    error.sqlstate = code
    error.diag = SimpleNamespace(
        message_primary="a fact" if code else None, message_detail=detail, message_hint=hint
    )
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("DL001", errors.DefinitionError), ("DL002", errors.NotFound), ("DL003", errors.WrongState),
        ("DL004", errors.NotAllowed), ("DL005", errors.NotInstalled), ("DL006", errors.LoopError),
        ("DL007", errors.LockTimeout), ("42501", errors.NotAllowed), ("55P03", errors.LockTimeout),
        ("3F000", errors.NotInstalled), ("08006", errors.ConnectionLost), ("57P01", errors.ConnectionLost),
        ("22012", errors.DatabaseError),
    ],
)  # fmt: skip
def test_errors_are_told_apart_by_code(code: str, kind: type[errors.DreamlitError]) -> None:
    original = database_error(code, hint="do this")
    found = from_database(original)
    assert type(found) is kind
    assert (str(found), found.message, found.hint, found.code) == ("a fact", "a fact", "do this", code)
    assert found.__cause__ is original


def test_a_client_side_error_is_a_lost_connection() -> None:
    found = from_database(database_error(None, kind="OperationalError"))
    assert (type(found), str(found)) == (errors.ConnectionLost, "text of the client")
    assert type(from_database(database_error(None, kind="DataError"))) is errors.DatabaseError


def test_the_faults_of_a_definition() -> None:
    listed = [
        {"place": "steps[2].if", "fact": "no column", "hint": "rename"},
        {"place": "name", "fact": "empty"},
    ]
    found = from_database(database_error("DL001", detail=json.dumps(listed)))
    assert isinstance(found, DefinitionError)
    assert found.faults == (
        Fault(place="steps[2].if", fact="no column", hint="rename"),
        Fault(place="name", fact="empty"),
    )
    for detail, faults in (
        (None, ()),
        ("not json", (Fault(place="", fact="not json"),)),
        ("{}", (Fault(place="", fact="{}"),)),
    ):
        again = from_database(database_error("DL001", detail=detail))
        assert isinstance(again, DefinitionError)
        assert again.faults == faults
