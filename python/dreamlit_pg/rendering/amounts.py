"""Numbers, amounts and what is counted, as a language writes them."""

from __future__ import annotations

import decimal
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .language import LANGUAGE
from .limits import LimitError
from .optional import library
from .values import kind

_NUMBER = re.compile(r"\s*[+-]?[0-9]+(?:\.[0-9]+)?\s*")
_MAX_DIGITS = 60
# As PostgreSQL's round(numeric): what Python does by itself makes 2.5 a 2.
_CONTEXT = decimal.Context(prec=3 * _MAX_DIGITS, rounding=decimal.ROUND_HALF_UP)


def money(value: Any, currency: Any, locale: Any = None) -> str:
    """An amount with its currency: 1.234,50 € in German."""
    babel = library("babel.numbers")
    code = currency.upper() if isinstance(currency, str) else None
    if code is None or not babel.is_currency(code):
        raise ValueError(f"there is no currency {currency!r}: write a code such as EUR")
    return _shown(babel.format_currency, _decimal(value, "|money"), code, locale=LANGUAGE.locale(locale))


def number(value: Any, decimals: Any = None, locale: Any = None) -> str:
    """A number with its separators; with so many decimals, else with three at most."""
    babel_locale = LANGUAGE.locale(locale)
    pattern = babel_locale.decimal_formats[None].pattern
    if decimals is not None:
        pattern = re.sub(r"0(?:\.[0#]*)?", "0" + _zeros(decimals), pattern)
    shown = library("babel.numbers").format_decimal
    return _shown(shown, _decimal(value, "|number"), format=pattern, locale=babel_locale)


def percent(value: Any, decimals: Any = 0, locale: Any = None) -> str:
    """A part of one as a percentage: 0.25 as 25 %."""
    babel_locale = LANGUAGE.locale(locale)
    pattern = babel_locale.percent_formats[None].pattern.replace("0", "0" + _zeros(decimals), 1)
    shown = library("babel.numbers").format_percent
    return _shown(shown, _decimal(value, "|percent"), format=pattern, locale=babel_locale)


def pluralise(value: Any, *forms: Any, **by_category: Any) -> str:
    """The form of a word that goes with a number: of two, or of those that the language tells apart."""
    count = len(value) if isinstance(value, (list, tuple, dict)) else _decimal(value, "|pluralise")
    category = str(LANGUAGE.locale().plural_form(count))
    if by_category:
        if forms or "other" not in by_category:
            raise TypeError("|pluralise takes one=…, other=… and so on; other is needed")
        return str(by_category.get(category, by_category["other"]))
    if len(forms) != 2:
        raise TypeError('|pluralise takes two forms: {{ n }} {{ n|pluralise("item", "items") }}')
    return str(forms[0] if category == "one" else forms[1])


def plural_form(count: Any, locale: str) -> str:
    """one, few, many or other, as a language has them."""
    return str(LANGUAGE.locale(locale).plural_form(_decimal(count, "t(count=…)")))


def _shown(show: Callable[..., Any], *args: Any, **options: Any) -> str:
    with decimal.localcontext(_CONTEXT):
        return str(show(*args, **options))


def _zeros(decimals: Any) -> str:
    if type(decimals) is not int or not 0 <= decimals <= 20:
        raise ValueError("decimals is a whole number from 0 to 20")
    return "." + "0" * decimals if decimals else ""


def _decimal(value: Any, what: str) -> Decimal:
    """A number, or the text of one: what jsonb's ->> gives."""
    if isinstance(value, str) and _NUMBER.fullmatch(value) and len(value) <= _MAX_DIGITS:
        found = Decimal(value.strip())
    elif type(value) in (int, float, Decimal):
        found = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    else:
        shown = repr(value[:60]) if isinstance(value, str) else f"a {kind(value)}"
        raise TypeError(f"{what} takes a number, not {shown}")
    if not found.is_finite():
        raise ValueError(f"{what} takes a number, not {found}")
    if found and (abs(found.adjusted()) > _MAX_DIGITS or len(found.as_tuple().digits) > _MAX_DIGITS):
        raise LimitError(f"{what} takes numbers of {_MAX_DIGITS} digits at most")
    return found
