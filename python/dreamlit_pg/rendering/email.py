"""An email: its fields in, its content out."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from .addresses import addresses
from .attachments import Attachments, Calendar
from .faults import FaultError, RefusedError
from .fields import Compiler, Field, Finish, finish_body
from .language import LANGUAGE
from .limits import MAX_SUBJECT, LimitError
from .lines import check_size, one_line
from .preheader import preheader, with_preheader

_HEADER_NAME = re.compile("[!-9;-~]+")
_OWN_HEADERS = frozenset(
    {
        *("to", "cc", "bcc", "from", "sender", "reply-to", "subject", "date", "message-id", "mime-version"),
        *("content-type", "content-transfer-encoding", "content-disposition", "return-path", "received"),
    }
)


def _recipients(text: str) -> list[str]:
    found = addresses(text)
    if not found:
        raise RefusedError("address", "to is empty")
    return found


def _sender(text: str) -> str | None:
    found = addresses(text)
    if len(found) > 1:
        raise RefusedError("address", "from takes one address")
    return found[0] if found else None


def _subject(text: str) -> str:
    text = one_line(text, "subject")
    check_size(text, "the subject", MAX_SUBJECT)
    return text


def _timezone(text: str) -> str | None:
    """Whether there is such a zone is asked where the time is reckoned; here a wrong one fails nothing."""
    return one_line(text, "timezone")[:60] or None


def finish_locale(text: str) -> str | None:
    """What speaks it asks whether there is such a locale: whoever has a strange one is still written to."""
    return one_line(text, "locale")[:60] or None


_ONE_LINE = {
    "to": ("address", _recipients),
    "cc": ("address", addresses),
    "bcc": ("address", addresses),
    "reply_to": ("address", addresses),
    "from": ("address", _sender),
    "subject": ("text", _subject),
    "timezone": ("text", _timezone),
    "locale": ("text", finish_locale),
    "preheader": ("text", preheader),
}


_SPOKEN = ("locale", "timezone")  # what the others are written in


def refused(field: str, text: str) -> str | None:
    """Why a constant of the author's can be in no message; None if it can."""
    finish: Finish = _ONE_LINE[field][1] if field in _ONE_LINE else finish_body
    if field.startswith("headers."):
        finish = functools.partial(one_line, what=field.removeprefix("headers."))
    try:
        finish(text.removesuffix("\n"))
    except (RefusedError, LimitError) as exc:
        return str(exc)
    return None


class Email:
    """The compiled templates of an email; raises FaultError."""

    def __init__(self, given: Mapping[str, Any], compiler: Compiler) -> None:
        self._compiler = compiler
        self._default_locale = given.get("default_locale")
        self._fields = {
            key: compiler.inline(key, kind, _as_list(given[key]) if kind == "address" else given[key], finish)
            for key, (kind, finish) in _ONE_LINE.items()
            if key in given
        }
        self._fields.update(self._bodies(given))
        self._extras: dict[str, Attachments | Calendar] = {}
        if given.get("attachments") is not None:
            self._extras["attachments"] = Attachments(given["attachments"], compiler)
        if given.get("calendar") is not None:
            self._extras["calendar"] = Calendar(given["calendar"], compiler)
        headers = given.get("headers") or {}
        if not isinstance(headers, dict):
            raise FaultError("headers", "template", "headers must be a mapping of names to texts")
        self._headers = {name: self._header(name, value) for name, value in headers.items()}
        if "to" not in given:
            raise FaultError("to", "address", "to is empty")

    def _bodies(self, given: Mapping[str, Any]) -> dict[str, Field]:
        found = {
            part: self._compiler.inline(part, part, given[part]) for part in ("html", "text") if part in given
        }
        name = given.get("template")
        if name is not None:
            stem, _, ending = str(name).rpartition(".")
            part, beside = "text" if ending.lower() == "txt" else "html", f"{stem}.txt"
            if part not in found:
                found[part] = self._compiler.file("template", part, name)
            if "text" not in found and beside in self._compiler.files:
                found["text"] = self._compiler.file("text", "text", beside)
        if not found:
            raise FaultError("template", "template", "the email has neither template nor html nor text")
        return found

    def _header(self, name: str, value: Any) -> Field:
        field = f"headers.{name}"
        if not _HEADER_NAME.fullmatch(name):
            raise FaultError(field, "header", f"not a header's name: {name!r}")
        if name.lower() in _OWN_HEADERS:
            raise FaultError(field, "header", f"the header {name} is not free: use the field for it")
        return self._compiler.inline(field, "text", value, functools.partial(one_line, what=name))

    def content(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The email for one item; raises FaultError."""
        content: dict[str, Any] = {
            "to": [],
            "cc": [],
            "bcc": [],
            "reply_to": [],
            "from": None,
            "subject": "",
            "html": None,
            "text": None,
        }
        LANGUAGE.use()
        spoken = {key: self._fields[key].value(variables) for key in _SPOKEN if key in self._fields}
        locale, zone = spoken.pop("locale", None), spoken.get("timezone")
        LANGUAGE.use(locale, self._default_locale, zone, self._compiler.translations)
        content.update(spoken)
        for key, field in self._fields.items():
            if key not in _SPOKEN:
                content[key] = field.value(variables)
        _add_brand(content, variables["brand"])
        if "preheader" in content:
            content["html"] = with_preheader(content["html"], content.pop("preheader"))
        content["headers"] = {name: field.value(variables) for name, field in self._headers.items()}
        content.update({key: extra.value(variables) for key, extra in self._extras.items()})
        return content


def _add_brand(content: dict[str, Any], brand: Mapping[str, Any]) -> None:
    """What the email leaves open comes from the brand."""
    for key, finish in (("from", _sender), ("reply_to", addresses)):
        if not content[key] and brand.get(key):
            try:
                content[key] = finish(str(brand[key]))
            except RefusedError as exc:
                raise FaultError(key, "address", f"the brand's {key}: {exc}") from None


def _as_list(value: Any) -> Any:
    """A YAML list of addresses reads like one line of them."""
    return ", ".join(map(str, value)) if isinstance(value, list) else value
