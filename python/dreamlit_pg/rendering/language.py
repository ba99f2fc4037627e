"""In what language and zone the message at hand is written."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any

from .optional import library

LAST = "en"
_LOCALE = re.compile("([A-Za-z]{2,3})((?:[-_][A-Za-z0-9]{2,8}){0,3})")
_MOST_LOCALES = 100


def normal(code: str) -> str | None:
    """de_at as de-AT, zh-hans-cn as zh-Hans-CN; None for what is no locale. An encoding is dropped."""
    found = _LOCALE.fullmatch(code.strip().partition(".")[0])
    if found is None:
        return None
    parts = [part for part in re.split("[-_]", found[2]) if part]
    return "-".join([found[1].lower(), *(part.title() if len(part) == 4 else part.upper() for part in parts)])


def chain(*codes: str | None) -> Iterator[str]:
    """Each locale with what it falls back to: de-AT, de, and at last en."""
    seen = set()
    for code in (*codes, LAST):
        name = normal(code) if code else None
        while name:
            if name not in seen:
                seen.add(name)
                yield name
            name = name.rpartition("-")[0]


@functools.lru_cache(maxsize=256)  # asked for each message, and nearly all are written in a few languages
def _fallbacks(*codes: str | None) -> tuple[str, ...]:
    return tuple(chain(*codes))


class Language:
    """The locale and the zone of the message that is being rendered."""

    def __init__(self) -> None:
        self._locales: dict[str, Any] = {}
        self.use()

    def use(
        self,
        locale: str | None = None,
        default: str | None = None,
        zone: str | None = None,
        translations: Any = None,
    ) -> None:
        self.chain = _fallbacks(locale, default)
        self.zone = zone
        self.translations = translations

    def locale(self, code: Any = None) -> Any:
        """Babel's locale: the one that is asked for if there is one, else the message's."""
        if code is not None and not isinstance(code, str):
            raise TypeError("a locale is a text such as de-AT")
        asked = [] if code is None else [name for name in chain(code) if name != LAST or normal(code) == LAST]
        return next(filter(None, map(self._known, [*asked, *self.chain])))

    def _known(self, name: str) -> Any:
        if name not in self._locales:
            core = library("babel.core")
            try:
                found = core.Locale.parse(name, sep="-")
            except (core.UnknownLocaleError, ValueError):
                found = None
            if len(self._locales) >= _MOST_LOCALES:
                self._locales.clear()
            self._locales[name] = found
        return self._locales[name]


LANGUAGE = Language()  # one is enough: batches are locked
