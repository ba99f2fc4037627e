"""What people type wrongly: one line with the fact and the hint, no traceback, and nothing done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.bad_input.conftest import House

from dreamlit_cli.main import cli
from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.config import Config

CALLED = {
    "workflow": "called",
    "trigger": {"call": {"email": "text", "visits": "integer", "born": "date", "doc": "jsonb"}},
    "steps": [
        {
            "id": "tell",
            "email": {
                "to": "{{ trigger.email }}",
                "subject": "s",
                "text": "{{ trigger.visits }}{{ trigger.born }}{{ trigger.doc }}",
            },
        }
    ],
}


@pytest.fixture(scope="module")
def published(house: House) -> House:
    house.admin.execute("select dreamlit.publish(%s::jsonb)", [json.dumps(CALLED)])
    return house


def run(*words: str, dsn: str) -> Result:
    """What a command answers; it may fail, but never with an exception of Python's."""
    result = CliRunner().invoke(cli, ["--dsn", dsn, *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[]", "no JSON object"),
        ("null", "no JSON object"),
        ('"x"', "no JSON object"),
        ('{"emial": "a"}', "did you mean email?"),
        ('{"visits": "x"}', "does not fit workflow called"),
        ('{"visits": 1.5}', "does not fit workflow called"),
        ('{"visits": 99999999999}', "does not fit workflow called"),
        ('{"born": "2024-02-30"}', "does not fit workflow called"),
        ('{"email": "\\u0000"}', "NUL"),
        ('{"email": "\\ud800"}', ""),
        ('{"visits": NaN}', ""),
        ('{"visits": Infinity}', ""),
        ('{"doc": ' + "[" * 20000 + "]" * 20000 + "}", ""),
        ("{'email': 'a'}", "JSON"),
    ],
)
def test_a_payload_that_is_none_starts_nothing(published: House, payload: str, told: str) -> None:
    count = "select count(*) from dreamlit.runs where workflow = 'called'"
    before = published.reader.execute(count.encode()).fetchone()
    result = run("start", "called", "--payload", payload, dsn=published.dsn_of("admin"))
    assert result.exit_code in (1, 2)
    assert told in result.stderr
    assert "Traceback" not in result.stderr
    assert published.reader.execute(count.encode()).fetchone() == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pause", "nope"], "nope"),
        (["pause", ""], ""),
        (["pause", "caled"], "did you mean called?"),
        (["pause", "called; drop table x"], "called; drop table x"),
        (["pause", "cal\x00led"], ""),
        (["pause", "\udcff"], ""),
        (["run", "show", "0"], ""),
        (["run", "show", "abc"], "abc"),
        (["run", "show", "99999999999999999999"], ""),
        (["run", "cancel", "999999"], "999999"),
        (["runs", "--limit", "x"], "x"),
        (["runs", "--limit", "-1"], ""),
        (["logs", "--since", "yesterday?"], "write '2 hours'"),
        (["message", "show", "999999"], "999999"),
        (["message", "release", "999999"], "999999"),
        (["setting", "set", "nope", "1"], "nope"),
        (["setting", "set", "lease", "0 days"], "lease"),
        (["setting", "set", "lease", "NaN"], "lease"),
        (["nosuch"], "nosuch"),
        (["publish", "/nope.yaml"], "nope.yaml"),
        (["publish", "/dev/null"], ""),
        (["suppress", "nobody"], "nobody"),
        (["person", "export", "@"], "@"),
    ],
)
def test_wrong_words_are_told_and_change_nothing(published: House, words: list[str], told: str) -> None:
    result = run(*words, dsn=published.dsn_of("admin"))
    assert result.exit_code in (1, 2), result.output
    assert told in result.stderr
    assert result.stderr.strip()


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://nobody:secret-word@/nodb?host=/nowhere",
        "host=x port=y password=secret-word",
        "postgresql://u:secret-word@h:port/db",
        "postgresql://u:secret-word@[::1",
        "dbname='unclosed password=secret-word",
    ],
)
def test_a_dsn_that_is_none_is_told_without_its_password(dsn: str) -> None:
    result = run("runs", dsn=dsn)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert "secret-word" not in result.output + result.stderr


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("DREAMLIT_SMTP_URL", "http://mail.example.com"),
        ("DREAMLIT_SMTP_URL", "smtp://mail.example.com:99999"),
        ("DREAMLIT_SMTP_URL", "smtp://mail.example.com?starttls=maybe"),
        ("DREAMLIT_SMTP_URL", "smtp://:word@mail.example.com"),
        ("DREAMLIT_SMTP_URL", "smtp://mail.example.com?timeout=nan"),
        ("DREAMLIT_CHANNELS", "email,fax"),
        ("DREAMLIT_CONCURRENCY", "0"),
        ("DREAMLIT_CONCURRENCY", "many"),
        ("DREAMLIT_POLL", "inf"),
        ("DREAMLIT_POLL", "-1"),
        ("DREAMLIT_LOG_LEVEL", "LOUD"),
        ("DREAMLIT_FROM", "nobody"),
        ("DREAMLIT_FROM", "a@example.com\r\nBcc: x@y.z"),
        ("DREAMLIT_PROVIDER", "pigeon"),
        ("DREAMLIT_LINK_SECRET", "short"),
        ("DREAMLIT_SERVE", "nowhere"),
    ],
)
def test_a_configuration_that_cannot_be_names_the_variable_and_not_its_value(name: str, text: str) -> None:
    environ = {"DREAMLIT_DSN": "postgresql:///x", "DREAMLIT_SMTP_URL": "smtp://localhost", name: text}
    with pytest.raises(DreamlitError, match=name.removeprefix("DREAMLIT_")) as raised:
        Config.load(environ=environ)
    assert "word@" not in str(raised.value)


@pytest.mark.parametrize(
    "content", ["[sender]\nsmtp_url = ", "[sender]\nsmtp_ulr = 'x'", "[sender]\npoll = []", "\x00"]
)
def test_a_configuration_file_that_cannot_be_is_told(tmp_path: Path, content: str) -> None:
    file = tmp_path / "dreamlit.toml"
    file.write_text(content, "utf-8")
    with pytest.raises(DreamlitError):
        Config.load(file, environ={"DREAMLIT_DSN": "postgresql:///x"})
