"""Configuration: the environment over a file, secrets that stay secret, errors that name the variable."""

from __future__ import annotations

import json
import logging
import pickle
from pathlib import Path

import pytest

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.config import Config, SmtpConfig
from dreamlit_sender.log import LOGGER, JsonFormatter, PlainFormatter, configure_logging, log_event
from dreamlit_sender.secret import Redactor, Secret

DSN = "postgresql://sender:pg-passw0rd@db.test/app"


def load(path: Path | None = None, **environ: str) -> Config:
    return Config.load(path, environ={f"DREAMLIT_{key.upper()}": value for key, value in environ.items()})


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_defaults() -> None:
    config = load(dsn=DSN)
    assert config.dsn.reveal() == DSN
    assert config.channels == ("render",)
    assert (config.concurrency, config.chunk, config.poll, config.lease, config.tick) == (
        16,
        100,
        1.0,
        None,
        True,
    )


def test_channels_follow_from_what_is_configured() -> None:
    assert load(dsn=DSN, smtp_url="smtp://localhost").channels == ("email", "render")
    assert load(dsn=DSN, slack_token="xoxb-1").channels == ("slack", "render")
    assert load(dsn=DSN, console="yes").channels == ("email", "slack", "render")
    assert load(dsn=DSN, smtp_url="smtp://localhost", channels="email").channels == ("email",)


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "dreamlit.toml"
    file.write_text(
        f'dsn = "{DSN}"\n[sender]\nfrom = "A <a@x.test>"\nconcurrency = 4\nchannels = ["email"]\n'
        'smtp_url = "smtp://file.test"\njson_logs = true\n[other]\nthing = 1\n'
    )
    config = load(concurrency="8")
    assert (config.concurrency, config.channels, config.json_logs) == (8, ("email",), True)
    assert config.smtp is not None
    assert config.smtp.host == "file.test"
    assert config.sender_from == "A <a@x.test>"


def test_smtp_url() -> None:
    smtp = SmtpConfig.from_url("smtp://ann:s%40c%2Fret@mx.test?timeout=7&connections=3")
    assert (smtp.host, smtp.port, smtp.security, smtp.username) == ("mx.test", 587, "require", "ann")
    assert smtp.password == Secret("s@c/ret")
    assert (smtp.timeout, smtp.connections) == (7.0, 3)
    assert SmtpConfig.from_url("smtps://mx.test").port == 465
    assert SmtpConfig.from_url("smtp://mx.test").security == "if-available"
    assert SmtpConfig.from_url("smtp://ann:x@localhost:1025").security == "if-available"
    assert SmtpConfig.from_url("smtp://ann:x@mx.test?starttls=never").security == "never"
    assert SmtpConfig.from_url("smtp://[::1]:2525").host == "::1"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("dsn", "postgresql//sender:hush-hush@x"),
        ("dsn", "host=x nonsense"),
        ("smtp_url", "http://ann:hush-hush@x"),
        ("smtp_url", "smtp://ann:hush-hush@x:port"),
        ("smtp_url", "smtp://ann:hush-hush@/"),
        ("smtp_url", "smtp://ann:hush-hush@x?starttls=maybe"),
        ("smtp_url", "smtps://ann:hush-hush@x?starttls=never"),
        ("smtp_url", "smtp://ann:hush-hush@x?starttsl=never"),
        ("smtp_url", "smtp://ann:hush-hush@x?timeout=-1"),
        ("smtp_url", "smtp://ann:hush-hush@x?connections=0"),
        ("smtp_url", "smtp://ann:hush-hush@x?ca=/nowhere/ca.pem"),
        ("from", "not an address"),
        ("slack_webhook_url", "hooks.slack.test/hush-hush"),
        ("slack_api_url", "ftp://x"),
        ("slack_token", "xoxb hush-hush\n"),
        ("channels", "email,fax"),
        ("channels", "email"),
        ("concurrency", "many"),
        ("concurrency", "0"),
        ("chunk", "1.5"),
        ("poll", "nan"),
        ("lease", "0"),
        ("tick", "perhaps"),
        ("log_level", "loud"),
    ],
)
def test_wrong_values_name_their_variable_and_no_secret(variable: str, value: str) -> None:
    with pytest.raises(DreamlitError) as caught:
        load(None, **{"dsn": DSN, variable: value})
    assert f"DREAMLIT_{variable.upper()}" in str(caught.value)
    assert "hush-hush" not in f"{caught.value!r} {caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is None


def test_no_dsn() -> None:
    with pytest.raises(DreamlitError, match="DREAMLIT_DSN is not set"):
        load()


def test_wrong_files(tmp_path: Path) -> None:
    with pytest.raises(DreamlitError, match="cannot be read"):
        load(tmp_path / "none.toml", dsn=DSN)
    file = tmp_path / "bad.toml"
    for text, words in (
        ("[sender", "not valid TOML"),
        ("sender = 1", "must be a table"),
        ("[sender]\nchunks = 3", "unknown key 'chunks'"),
        ("[sender]\nfrom = 3", "from in the file"),
        ("[sender]\nconcurrency = true", "concurrency in the file"),
    ):
        file.write_text(text)
        with pytest.raises(DreamlitError, match=words):
            load(file, dsn=DSN)


def test_secrets_show_themselves_nowhere() -> None:
    config = load(
        dsn=DSN,
        smtp_url="smtp://ann:smtp-passw0rd@mx.test",
        slack_token="xoxb-t0ken",
        slack_webhook_url="https://hooks.slack.test/services/T/B/h00k",
    )
    shown = f"{config!r} {config} {config.dsn} {config.dsn!r} {config.dsn:>10} {config.smtp}"
    for secret in ("passw0rd", "t0ken", "h00k"):
        assert secret not in shown
    with pytest.raises(TypeError):
        pickle.dumps(config.dsn)
    redact = config.redactor()
    text = redact(f"{DSN} smtp-passw0rd xoxb-t0ken /services/T/B/h00k pg-passw0rd nul\x00 \ud800")
    for secret in ("passw0rd", "t0ken", "h00k", "\x00", "\ud800"):
        assert secret not in text


def test_log_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    record = LOGGER.makeRecord(
        LOGGER.name, logging.INFO, "", 0, "sent", (), None,
        extra={"fields": {"message": 7, "error": 'a "b"\nhush-hush', "level2": 1.5}},
    )  # fmt: skip
    redact = Redactor(["hush-hush"])
    plain = PlainFormatter(redact).format(record)
    assert plain.endswith('INFO sent message=7 error="a \\"b\\"\\n***" level2=1.5')
    assert "\n" not in plain
    document = json.loads(JsonFormatter(redact).format(record))
    assert document["event"] == "sent"
    assert document["message"] == 7
    assert document["error"] == 'a "b"\n***'
    assert "\n" not in JsonFormatter(redact).format(record)


def test_configured_logging_is_one_line_an_event_and_quiet_about_urls(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    try:
        configure_logging(Redactor(["hush-hush"]), json_logs=True, level="DEBUG")
        logging.getLogger("httpx").info("HTTP Request: POST https://hooks/hush-hush")
        log_event(logging.INFO, "sent", message=1, code=None)
        try:
            int("hush-hush\nnext line")
        except ValueError:
            logging.getLogger("dreamlit.sender").exception("fault")
    finally:
        root.setLevel(level)
        for name in ("httpx", "httpcore", "asyncio"):
            logging.getLogger(name).setLevel(logging.NOTSET)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["sent", "fault"]
    assert "code" not in lines[0]
    assert "hush-hush" not in json.dumps(lines)
