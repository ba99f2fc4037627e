"""The ready-made templates, as an author looks at and copies them; no database is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dreamlit_cli.main import cli
from dreamlit_pg.definition import read_workflow


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command in an empty folder, with a database that is not there."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Result:
        result = CliRunner().invoke(cli, ["--dsn", "host=/nowhere", *words])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return run


def test_they_are_listed_with_what_they_are_for(run: Any) -> None:
    lines = [line.split() for line in run("templates").stdout.splitlines()]
    assert [words[0] for words in lines] == [
        *("name", "alert", "comment", "digest", "invitation", "password_reset", "receipt", "welcome")
    ]
    comment = next(words for words in lines if words[0] == "comment")
    assert comment[-1] == "topic"


def test_programs_get_the_variables_and_the_example_too(run: Any) -> None:
    (found,) = [each for each in json.loads(run("templates", "--json").stdout) if each["name"] == "welcome"]
    assert found["variables"]["trigger.name"] == "what the person is called; may be null"
    assert found["kind"] == "transactional"
    assert found["example"].startswith("workflow: welcome\n")


def test_a_copy_shows_a_workflow_that_can_be_read_as_it_stands(run: Any) -> None:
    result = run("templates", "copy", "digest")
    assert result.exit_code == 0
    assert "templates/digest.mjml\n" in result.stdout
    Path("digest.yaml").write_text(result.stdout[result.stdout.index("workflow: digest") :], "utf-8")
    assert "digest.mjml" in read_workflow("digest.yaml").document["files"]


def test_a_copy_into_another_folder_says_what_stayed(run: Any) -> None:
    run("templates", "copy", "welcome", "mine")
    written = json.loads(run("templates", "copy", "receipt", "mine", "--json").stdout)["written"]
    assert written["receipt.mjml"] is True
    assert written["layout.mjml"] is False
    assert "mine/footer.mjml stays as it is" in run("templates", "copy", "alert", "mine").stdout


def test_a_second_copy_is_refused_and_changes_nothing(run: Any) -> None:
    run("templates", "copy", "welcome")
    Path("templates/welcome.mjml").write_text("mine", "utf-8")
    result = run("templates", "copy", "welcome")
    assert result.exit_code == 1
    assert result.stderr.startswith("error: templates/welcome.mjml exists already\nhint: ")
    assert Path("templates/welcome.mjml").read_text("utf-8") == "mine"


def test_an_unknown_name_is_refused_with_those_there_are(run: Any) -> None:
    result = run("templates", "copy", "welcom")
    assert result.exit_code == 1
    assert "hint: there are alert, comment" in result.stderr
    assert not Path("templates").exists()
