"""A Slack message: its fields in, its content out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .addresses import addresses
from .blocks import MAX_MESSAGE_TEXT, measure, standing
from .email import finish_locale
from .faults import FaultError, RefusedError
from .fields import Compiler, Field, finish_body
from .language import LANGUAGE
from .limits import MAX_DEPTH
from .lines import one_line

_NOT_SHOWN = re.compile("(?:.*_)?url|.*_id|value|type|name|style")


def _channel(text: str) -> str | None:
    return one_line(text, "channel") or None


def _person(text: str) -> str:
    found = addresses(text)
    if len(found) != 1 or "<" in found[0]:
        raise RefusedError("address", f"{text!r} is not one address: a direct message goes to one person")
    return found[0]


def _shown(text: str) -> str:
    # Joining markup escapes quotes as HTML does. Slack would show those entities as they are.
    if "&#3" in text:
        text = text.replace("&#39;", "'").replace("&#34;", '"')
    return finish_body(text)


class Slack:
    """The compiled templates of a Slack message; raises FaultError."""

    def __init__(self, given: Mapping[str, Any], compiler: Compiler) -> None:
        self._compiler = compiler
        self._tree: dict[str, Any] = {"channel": None, "text": None, "blocks": None}
        if "channel" in given:
            self._tree["channel"] = compiler.inline("channel", "text", given["channel"], _channel)
        if "text" in given:
            shown = measure("text", MAX_MESSAGE_TEXT, _shown)
            self._tree["text"] = compiler.inline("text", "slack", given["text"], shown)
        if "to" in given:
            self._tree["to"] = compiler.inline("to", "address", given["to"], _person)
        if "blocks" in given:
            self._tree["blocks"] = self._compiled(given["blocks"], "blocks", "", 0, None)
        self._locale = (
            compiler.inline("locale", "text", given["locale"], finish_locale) if "locale" in given else None
        )
        self._default_locale = given.get("default_locale")
        if "text" not in given and "blocks" not in given:
            raise FaultError("text", "template", "the Slack message has neither text nor blocks")

    def _compiled(self, tree: Any, place: str, key: str, depth: int, most: int | None) -> Any:
        """The tree with its texts as fields; ``key`` is the name they stand under, ``most`` their length."""
        if depth > MAX_DEPTH:
            raise FaultError(place, "limit", "blocks are nested too deeply")
        if isinstance(tree, dict):
            return {
                name: self._compiled(
                    leaf, f"{place}.{name}", name, depth + 1, standing(tree, key, name, most)
                )
                for name, leaf in tree.items()
            }
        if isinstance(tree, list):
            return [
                self._compiled(leaf, f"{place}[{at}]", key, depth + 1, most) for at, leaf in enumerate(tree)
            ]
        if not isinstance(tree, str):
            return tree
        if _NOT_SHOWN.fullmatch(key):
            return self._compiler.inline(place, "text", tree, measure(place, most, finish_body))
        return self._compiler.inline(place, "slack", tree, measure(place, most, _shown))

    def content(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The message for one item; raises FaultError."""
        LANGUAGE.use()
        locale = self._locale.value(variables) if self._locale else None
        LANGUAGE.use(locale, self._default_locale, translations=self._compiler.translations)
        return {name: _filled(leaf, variables) for name, leaf in self._tree.items()}


def _filled(tree: Any, variables: dict[str, Any]) -> Any:
    if isinstance(tree, dict):
        return {name: _filled(leaf, variables) for name, leaf in tree.items()}
    if isinstance(tree, list):
        return [_filled(leaf, variables) for leaf in tree]
    return tree.value(variables) if isinstance(tree, Field) else tree
