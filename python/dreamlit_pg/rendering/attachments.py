"""Attachments and a calendar entry of an email: their fields in, base64 and plain texts out."""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Mapping
from typing import Any

from .faults import FaultError, RefusedError
from .fields import Compiler, Field
from .lines import one_line, storable

MAX_ATTACHED = 25 << 20
"""Bytes of all attachments of an email."""

_KEYS = ("name", "type", "url", "inline")
_CALENDAR = ("start", "end", "summary", "location", "description", "organizer", "method", "uid", "sequence")
_PATH = re.compile(r"\s*\{\{\s*([A-Za-z_]\w*(?:\.\w+)*)\s*\}\}\s*")
_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}/[A-Za-z0-9!#$&^_.+-]{1,80}")
_CID = re.compile(r"[A-Za-z0-9._@+-]{1,100}")
_SPACE = re.compile(r"[ \t\r\n]+")


def _name(text: str) -> str:
    # A name is never a path: the folders before it are somebody's own.
    name = re.split(r"[/\\]", one_line(text, "the name"))[-1].strip(". ")
    if not name or len(name) > 200:
        raise RefusedError("attachment", "the name of an attachment has from 1 to 200 characters")
    return name


def _type(text: str) -> str:
    found = one_line(text, "the type")
    if not _TYPE.fullmatch(found):
        raise RefusedError("attachment", f"{found[:80]!r} is no media type such as application/pdf")
    return found.lower()


def _url(text: str) -> str:
    found = one_line(text, "the url")
    if not found.lower().startswith(("https://", "http://")) or " " in found or len(found) > 4000:
        raise RefusedError("attachment", "the url of an attachment begins with https://")
    return found


def _cid(text: str) -> str:
    found = one_line(text, "inline")
    if not _CID.fullmatch(found):
        raise RefusedError(
            "attachment", f"{found[:80]!r} is no name for an inline image: use letters and digits"
        )
    return found


_FINISH = {"name": _name, "type": _type, "url": _url, "inline": _cid}


def encoded(value: Any) -> str:
    """What a column holds, as base64: bytea as it stands in JSON (``\\x…``), or base64 already."""
    if not isinstance(value, str):
        raise RefusedError("attachment", "the content of an attachment is bytea or base64")
    if value.startswith("\\x"):
        try:
            return base64.b64encode(bytes.fromhex(value[2:])).decode("ascii")
        except ValueError:
            raise RefusedError(
                "attachment", "the content of an attachment begins as bytea and is none"
            ) from None
    text = _SPACE.sub("", value)
    try:
        base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError("attachment", "the content of an attachment is neither bytea nor base64") from None
    return text


class _Content:
    """The content of one attachment. What stands alone is not printed, so texts' limits do not hold."""

    def __init__(self, place: str, source: Any, compiler: Compiler) -> None:
        self._place = place
        path = _PATH.fullmatch(source) if isinstance(source, str) else None
        self._path = path[1].split(".") if path else None
        self._field = compiler.inline(place, "text", source, lambda text: text)

    def value(self, variables: Mapping[str, Any]) -> str | None:
        """Base64, None for null; raises FaultError."""
        found = self._found(variables)
        if found is None:
            return None
        try:
            return encoded(found)
        except RefusedError as exc:
            raise FaultError(self._place, exc.code, str(exc)) from None

    def _found(self, variables: Mapping[str, Any]) -> Any:
        value: Any = variables
        for part in self._path or ():
            if not isinstance(value, dict) or part not in value:
                break
            value = value[part]
        else:
            if self._path:
                return value
        return self._field.value(dict(variables)) or None


class Attachments:
    """The compiled attachments of a step."""

    def __init__(self, given: Any, compiler: Compiler) -> None:
        if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
            raise FaultError("attachments", "template", "attachments must be a list of mappings")
        self._all = [self._compiled(f"attachments[{at}]", one, compiler) for at, one in enumerate(given)]

    def _compiled(
        self, place: str, one: Mapping[str, Any], compiler: Compiler
    ) -> dict[str, Field | _Content]:
        if "name" not in one or ("content" in one) == ("url" in one):
            raise FaultError(place, "template", "an attachment has a name and either content or url")
        fields: dict[str, Field | _Content] = {
            key: compiler.inline(f"{place}.{key}", "text", one[key], _FINISH[key])
            for key in _KEYS
            if key in one
        }
        if "content" in one:
            fields["content"] = _Content(f"{place}.content", one["content"], compiler)
        return fields

    def value(self, variables: dict[str, Any]) -> list[dict[str, Any]]:
        """The attachments of one item, without those whose content is null; raises FaultError."""
        found, size = [], 0
        for fields in self._all:
            one = {}
            if "content" in fields:
                one["content"] = fields["content"].value(variables)
                if one["content"] is None:
                    continue
                size += len(one["content"]) * 3 // 4
                if size > MAX_ATTACHED:
                    message = f"the attachments have more than {MAX_ATTACHED >> 20} MB together: give a link"
                    raise FaultError("attachments", "limit", message)
            found.append(
                {key: field.value(variables) for key, field in fields.items() if key != "content"} | one
            )
        return found


class Calendar:
    """The compiled calendar entry of a step."""

    def __init__(self, given: Any, compiler: Compiler) -> None:
        if not isinstance(given, dict):
            raise FaultError("calendar", "template", "calendar must be a mapping")
        self._fields = {
            key: compiler.inline(
                f"calendar.{key}", "text", given[key], functools.partial(_calendar_text, key)
            )
            for key in _CALENDAR
            if key in given
        }

    def value(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The entry of one item; raises FaultError."""
        return {key: field.value(variables) for key, field in self._fields.items()}


def _calendar_text(key: str, text: str) -> str:
    return storable(text, key) if key == "description" else one_line(text, key)
