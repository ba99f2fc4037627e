"""One line an event, plain or JSON; secrets are taken out of every line, bodies never get in."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dreamlit_sender.secret import Redactor

_PLAIN = re.compile(r'[^\s"=]+')
LOGGER = logging.getLogger("dreamlit.sender")
DATABASE: ContextVar[str | None] = ContextVar("DATABASE", default=None)
"""The database that the code at hand works for, where a sender serves several; every line names it."""


def log_event(level: int, event: str, **fields: Any) -> None:
    """Log one event with its fields; fields that are None are left out."""
    if LOGGER.isEnabledFor(level):
        LOGGER.log(level, event, extra={"fields": _present(fields)})


def log_fault(error: BaseException | None = None) -> None:
    """Log a fault of ours with its traceback: the error given, or the one being handled."""
    LOGGER.error("fault", exc_info=error or True, extra={"fields": _present({})})


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    named = {"database": DATABASE.get(), **fields}
    return {key: value for key, value in named.items() if value is not None}


def _stamp(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


class PlainFormatter(logging.Formatter):
    """`2026-01-01T00:00:00.000Z INFO sent channel=email message=7`."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {})
        words = [f"{key}={_word(value)}" for key, value in fields.items()]
        line = " ".join([_stamp(record), record.levelname, _flat(record.getMessage()), *words])
        if record.exc_info:
            line += f" exception={_word(self.formatException(record.exc_info))}"
        return self._redact(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line with `time`, `level`, `event` and the event's fields."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, Any] = {
            "time": _stamp(record),
            "level": record.levelname,
            "event": record.getMessage(),
        }
        document |= getattr(record, "fields", {})
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        clean = {
            key: self._redact(value) if isinstance(value, str) else value for key, value in document.items()
        }
        return json.dumps(clean, ensure_ascii=False, default=lambda value: self._redact(str(value)))


def _flat(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _word(value: object) -> str:
    text = str(value)
    plain = _PLAIN.fullmatch(text) and text.isprintable()
    return text if plain else json.dumps(text, ensure_ascii=False)


def configure_logging(redact: Redactor, *, json_logs: bool = False, level: str = "INFO") -> None:
    """Send all log lines of the process to stderr in our format.

    The HTTP client's own lines are kept down at warnings: they print URLs, and a webhook's URL is a secret.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(redact) if json_logs else PlainFormatter(redact))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
