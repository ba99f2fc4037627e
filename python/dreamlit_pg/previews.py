"""Messages that were rendered to be looked at, and what is doubtful about them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from dreamlit_pg import rendering

GMAIL_CLIPS = 102 * 1024
"""Bytes of HTML after which Gmail shows a link to the rest."""


@dataclass(frozen=True, kw_only=True)
class Preview:
    """One message: its content, or why there is none. `channel` is None for a step that sends nothing."""

    step: str
    channel: str | None
    content: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = field(default=())


def rendered(rows: Sequence[Mapping[str, Any]]) -> list[Preview]:
    """The rows of ``dreamlit.preview``, rendered here where the senders render."""
    templates: dict[str, Mapping[str, Any]] = {}
    found = []
    for row in rows:
        if row["templates"] is not None:
            templates[row["step"]] = row["templates"]
        content, error = row["content"], row["error"]
        if row["context"] is not None:
            given = templates[row["step"]]
            context = json.loads(row["context"], parse_float=Decimal)
            [one] = rendering.render_batch(row["channel"], given["templates"], given["files"], [context])
            content, error = one.get("content"), one.get("error")
            if content is not None:
                content = {**content, **(row["marks"] or {})}
        found.append(
            Preview(
                step=row["step"],
                channel=row["channel"],
                content=content,
                error=error,
                warnings=tuple(doubts(content)) if content and row["channel"] == "email" else (),
            )
        )
    return found


def doubts(content: Mapping[str, Any]) -> Iterator[str]:
    """What a person should look at before an email goes to many."""
    html, text = content.get("html"), content.get("text")
    if not content.get("subject"):
        yield "the subject is empty"
    if html is not None:
        size = len(html.encode("utf-8"))
        if size > GMAIL_CLIPS:
            yield f"the HTML has {size / 1024:.0f} KB: Gmail clips it after 102 KB"
        reader = _Reader()
        reader.feed(html)
        reader.close()
        yield from reader.doubts()
        if text is None:
            yield "there is no text part: the sender makes one from the HTML"
    for name, body in (("HTML", html), ("text", text)):
        ways = rendering.PLACEHOLDERS.values()
        if content.get("topic") and body is not None and not any(link in body for link in ways):
            yield f"the email belongs to a topic and its {name} shows no way to unsubscribe"


class _Reader(HTMLParser):
    """Reads the images and the links of an email."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._bare: list[str] = []
        self._plain: list[str] = []
        self._empty: list[str] = []
        self._link: tuple[str, list[str]] | None = None

    def doubts(self) -> Iterator[str]:
        """What was found, an entry a kind."""
        self._close_link()
        for found, what in (
            (self._bare, "without an alt text"),
            (self._plain, "without https"),
            (self._empty, "that lead nowhere or show nothing"),
        ):
            if found:
                noun = "image" if found is self._bare else "link"
                more = f" and {len(found) - 3} more" if len(found) > 3 else ""
                one = what if len(found) > 1 else what.replace("lead", "leads").replace("show", "shows")
                yield f"{len(found)} {noun}{'s'[: len(found) > 1]} {one}: {', '.join(found[:3])}{more}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(reversed(attrs))
        if tag == "img":
            if "alt" not in given:
                self._bare.append(_short(given.get("src")))
            if self._link is not None:
                self._link[1].append(given.get("alt") or "")
        elif tag == "a":
            self._close_link()
            if "href" in given or "name" not in given:
                self._link = (given.get("href") or "").strip(), []

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._close_link()

    def handle_data(self, data: str) -> None:
        if self._link is not None:
            self._link[1].append(data)

    def _close_link(self) -> None:
        if self._link is None:
            return
        address, shown = self._link[0], "".join(self._link[1]).strip()
        self._link = None
        if address in ("", "#") or not shown:
            self._empty.append(_short(shown or address))
        if address.lower().startswith("http://"):
            self._plain.append(_short(address))


def _short(text: str | None) -> str:
    text = text or "(empty)"
    return text if len(text) <= 60 else f"{text[:59]}…"
