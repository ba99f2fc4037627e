"""Texts in several languages: the files locales/de.json and so on, and t(), which takes one of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .amounts import plural_form
from .language import LANGUAGE, chain, normal
from .limits import MAX_DEPTH, METER
from .optional import MISSING_HINT, missing
from .values import text

_FILE = re.compile(r"locales/(.+)\.json")
_PLACE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_MOST_NAMED = 20


class TranslationsError(Exception):
    """A file of translations that cannot be read."""


class Translations:
    """The texts of all languages by their keys; raises TranslationsError."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.texts: dict[str, dict[str, str]] = {}
        for name, source in files.items():
            found = _FILE.fullmatch(name)
            locale = normal(found[1]) if found else None
            if locale is not None:
                self.texts[locale] = _read(name, source)
        if any(key.endswith(".other") for texts in self.texts.values() for key in texts):
            missing("pluralise")  # loads what plurals need: an item has no time for that

    def find(self, key: str, locales: Iterable[str], count: Any = None) -> str:
        """The text of a key in the first of the languages that has it; with a count, the form for that."""
        asked = []
        for locale in locales:
            texts = self.texts.get(locale)
            if texts is None:
                continue
            asked.append(locale)
            if key in texts:
                return texts[key]
            if count is not None and f"{key}.other" in texts:
                return texts.get(f"{key}.{plural_form(count, locale)}", texts[f"{key}.other"])
        raise LookupError(f"there is no translation of {key!r} in {' or '.join(asked) or 'any language'}")

    def has(self, locale: str, key: str, *, counted: bool) -> bool:
        """Whether a language, or what it is a variant of, has the key."""
        return any(
            key in texts or (counted and f"{key}.other" in texts)
            for texts in (self.texts.get(name, {}) for name in _variants(locale))
        )


NONE = Translations({})


def translate(key: Any, /, **values: Any) -> str:
    """The text of a key in the language of the message, with values for its {names}. It is no markup."""
    if not isinstance(key, str):
        raise TypeError('t() takes the key of a translation: t("greeting")')
    form = (LANGUAGE.translations or NONE).find(str(key), LANGUAGE.chain, values.get("count"))

    def fill(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise LookupError(f"the translation of {key!r} names {match[1]}: t({key!r}, {match[1]}=…)")
        value = str(text(values[match[1]]))
        METER.charge(len(value))
        return value

    return METER.charged(_PLACE.sub(fill, form))


@dataclass(frozen=True)
class Use:
    """A call of t(): the key and the names of the values, None where they are not written out."""

    field: str
    file: str | None
    line: int
    key: str | None
    names: frozenset[str] | None


def faults(uses: list[Use], files: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the translations lack for these calls, as entries of references()."""
    if not uses:
        return []
    try:
        found = Translations(files)
    except TranslationsError as exc:
        return [_entry(uses[0], str(exc), "write key: text, a line each")]
    if not found.texts:
        hint = 'write locales/en.yaml beside the templates: greeting: "Hello {name}"'
        return [_entry(uses[0], "there are no translations", hint, uses[0].line)]
    entries = [entry for locale in found.texts for entry in _lacking(found, locale, uses)]
    entries += _unnamed(found, uses)
    packages = missing("pluralise")
    if packages and any(use.names is None or "count" in use.names for use in uses):
        needs = " and ".join(packages)
        fact = f"t(count=…) needs {needs} in the Python that renders"
        entries.append(_entry(uses[0], fact, MISSING_HINT.format(packages=needs)))
    return entries


def _lacking(found: Translations, locale: str, uses: list[Use]) -> Iterable[dict[str, Any]]:
    if any(name in found.texts for name in _variants(locale)[1:]):
        return  # what a variant lacks it has from the language, which is asked itself
    wanted: dict[str, tuple[Use, bool]] = {}
    for use in uses:
        if use.key is not None:
            wanted.setdefault(use.key, (use, use.names is None or "count" in use.names))
        else:  # which keys it takes is seen only when it runs
            keys = {key for texts in found.texts.values() for key in texts}
            wanted.update({key: (use, False) for key in sorted(keys) if key not in wanted})
    lacked = {
        key: use for key, (use, counted) in wanted.items() if not found.has(locale, key, counted=counted)
    }
    if lacked:
        shown = ", ".join([*lacked][:_MOST_NAMED]) + (", …" if len(lacked) > _MOST_NAMED else "")
        fact = f"the translations of {locale} lack {shown}"
        yield _entry(next(iter(lacked.values())), fact, f"translate them in locales/{locale}.yaml")


def _unnamed(found: Translations, uses: list[Use]) -> Iterable[dict[str, Any]]:
    seen = set()
    for use in uses:
        for locale, texts in found.texts.items():
            for key, form in texts.items():
                if use.names is None or use.key is None or use.key not in (key, key.rpartition(".")[0]):
                    continue
                for name in _PLACE.findall(form):
                    if name not in use.names and (fact := (locale, key, name, use.line)) not in seen:
                        seen.add(fact)
                        told = f"the translation of {key} in {locale} names {name}, which t() is not given"
                        yield _entry(use, told, f't("{use.key}", {name}=…)', use.line)


def _entry(use: Use, fact: str, hint: str, line: int | None = None) -> dict[str, Any]:
    return {"field": use.field, "error": fact, "file": use.file, "line": line, "hint": hint}


def _variants(locale: str) -> list[str]:
    """The locale and what it is a variant of; en only if it is that itself."""
    language = locale.partition("-")[0]
    return [name for name in chain(locale) if name.partition("-")[0] == language]


def _read(name: str, source: str) -> dict[str, str]:
    try:
        document = json.loads(source)
    except (ValueError, RecursionError) as exc:
        raise TranslationsError(f"{name} is no JSON: {exc}") from None
    if not isinstance(document, dict):
        raise TranslationsError(f"{name} holds no mapping")
    return dict(_flat(name, document, "", 0))


def _flat(name: str, tree: Mapping[str, Any], above: str, depth: int) -> Iterable[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict) and depth < MAX_DEPTH:
            yield from _flat(name, value, f"{above}{key}.", depth + 1)
        elif isinstance(value, str):
            yield f"{above}{key}", value
        else:
            raise TranslationsError(f"{name}: {above}{key} is no text")
