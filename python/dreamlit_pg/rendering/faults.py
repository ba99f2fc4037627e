"""What went wrong, as it goes into a result."""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateNotFound, TemplateSyntaxError

from .limits import LimitError

MAX_MESSAGE = 500  # characters


class RefusedError(Exception):
    """A field whose text cannot be sent."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FaultError(Exception):
    """An error of one field, as it goes into the result."""

    def __init__(
        self, field: str | None, code: str, message: str, file: str | None = None, line: int | None = None
    ) -> None:
        # The database must be able to keep what a template wrote into a message.
        message = message.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")[:MAX_MESSAGE]
        super().__init__(message)
        shown = None if file is None or file.startswith("<") else file
        self.error = {"code": code, "message": message, "field": field, "file": shown, "line": line}


def fault_of(field: str | None, exc: Exception) -> FaultError:
    """Any exception as the fault of a field."""
    if isinstance(exc, FaultError):
        return exc
    if isinstance(exc, RefusedError):
        return FaultError(field, exc.code, str(exc))
    if isinstance(exc, TemplateSyntaxError):
        return FaultError(field, "template", exc.message or "syntax error", exc.name, exc.lineno)
    return FaultError(field, *_told(exc), *_position(exc))


def _told(exc: Exception) -> tuple[str, str]:
    """Code and message."""
    if isinstance(exc, RecursionError) or (isinstance(exc, SyntaxError) and "nested" in str(exc)):
        return "limit", "the template nests too deeply"
    if isinstance(exc, (LimitError, MemoryError)):
        return "limit", str(exc) or "the template needs too much memory"
    if isinstance(exc, TemplateNotFound):
        return "template", f"there is no template file {exc.name!r}"
    return "template", str(exc) or type(exc).__name__


def _position(exc: Exception) -> tuple[str | None, int | None]:
    """Template and line of the innermost frame of the traceback that is a template's."""
    found: tuple[Any, Any] = (None, None)
    trace = exc.__traceback__
    while trace is not None:
        template = trace.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            found = template.name, template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return found
