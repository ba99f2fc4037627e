"""The sandbox: what a template may reach is listed, never what it may not."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jinja2 import StrictUndefined, Template, Undefined, nodes
from jinja2.environment import TemplateModule
from jinja2.exceptions import SecurityError, TemplateRuntimeError, UndefinedError
from jinja2.loaders import DictLoader
from jinja2.runtime import Context, TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace
from markupsafe import Markup

from .addresses import veil
from .compiler import Generator
from .filters import FILTERS, TESTS
from .limits import MAX_ITEMS, MAX_SOURCE, MAX_TEXT, METER, LimitError
from .methods import ATTRIBUTES, call_method
from .operators import BINARY, binary, compare
from .translations import translate
from .values import kind, settled, text, weigh


def _range(*bounds: int) -> range:
    steps = range(*bounds)
    # The length of a longer one may not even be an index.
    if steps[MAX_ITEMS:]:
        raise LimitError(f"a range is limited to {MAX_ITEMS} steps")
    return steps


def _dict(pairs: Any = (), /, **members: Any) -> dict[Any, Any]:
    return dict(settled(pairs), **members)


GLOBALS: dict[str, Any] = {"range": _range, "dict": _dict, "namespace": Namespace, "t": translate}


class Sandbox(ImmutableSandboxedEnvironment):
    """Compiles and runs templates of one kind: "html", "text", "slack" or "address"."""

    code_generator_class = Generator
    intercepted_binops = frozenset(BINARY)
    compare = staticmethod(compare)

    def __init__(self, template_kind: str, files: Mapping[str, str]) -> None:
        super().__init__(
            undefined=StrictUndefined,
            autoescape=functools.lru_cache(maxsize=256)(functools.partial(_escapes, template_kind)),
            loader=DictLoader(files),
            finalize=_metered(_FINALIZERS.get(template_kind, text)),
            auto_reload=False,
        )
        self.template_kind = template_kind
        self.globals = dict(GLOBALS)
        self.filters = dict(FILTERS)
        self.tests = dict(TESTS)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        if len(source) > MAX_SOURCE:
            raise LimitError(f"the template has {len(source)} characters: the limit is {MAX_SOURCE}")
        return super()._parse(source, name, filename)

    def _load_template(self, name: Any, globals_: Any) -> Template:
        if not isinstance(name, str):  # a value as a key of a cache would be hashed
            raise TemplateRuntimeError("the name of a template must be text")
        return super()._load_template(str(name), globals_)

    def concat(self, parts: Iterable[str]) -> str:
        return concatenated(parts)

    def call_binop(self, _context: Context, operator: str, left: Any, right: Any) -> Any:
        return binary(operator, left, right)

    def join_parts(self, parts: Sequence[Any], autoescape: bool) -> str:
        """The result of ``~``."""
        texts = [text(part) for part in parts]
        METER.charge(sum(map(len, texts)))
        if autoescape and any(isinstance(part, Markup) for part in texts):
            return METER.charged(Markup("").join(texts))
        return "".join(texts)

    def mapping(self, pairs: Iterable[tuple[Any, Any]]) -> dict[Any, Any]:
        """The result of ``{key: value}``."""
        found = {}
        for key, value in pairs:
            weigh(key)
            found[key] = value
        return found

    def getattr(self, obj: Any, attribute: str, path: str | None = None) -> Any:
        type_ = type(obj)
        if type_ is dict and attribute in obj:
            return obj[attribute]  # a column may be called "items": the data comes before the method
        if attribute in ATTRIBUTES.get(type_, ()):
            return getattr(obj, attribute)
        if not attribute.startswith("_"):
            try:
                if isinstance(obj, (Namespace, TemplateModule)):
                    return getattr(obj, attribute)
                if isinstance(obj, TemplateReference):
                    return obj[attribute]
            except (AttributeError, LookupError):
                pass
        return self._missing(obj, attribute, path)

    def getitem(self, obj: Any, argument: Any, path: str | None = None) -> Any:
        if isinstance(obj, (dict, list, tuple, str, range)):
            if isinstance(argument, slice):
                return METER.charged(obj[argument])
            weigh(argument)
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        if isinstance(argument, str):
            return self.getattr(obj, argument, path)
        return self._missing(obj, "[:]" if isinstance(argument, slice) else text(argument), path)

    def _missing(self, obj: Any, name: str, path: str | None) -> Undefined:
        if isinstance(obj, Undefined):
            str(obj)  # raises what is undefined
        if obj is None:
            base = path.rpartition(".")[0] if path else ""
            hint = f"{base!r} is null and has no {name!r}" if base else f"null has no {name!r}"
        elif isinstance(obj, (dict, list, tuple, Namespace, TemplateModule, TemplateReference)):
            hint = f"{path or name!r} is undefined"
        else:
            hint = f"access to {path or name!r}: a {kind(obj)} has no usable {name!r}"
        exc = SecurityError if name.startswith("_") else UndefinedError
        return self.undefined(hint, obj=obj, name=name, exc=exc)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        if getattr(obj, "__self__", None) is None:
            return context.call(obj, *args, **kwargs)
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        return call_method(self, obj, args, kwargs)


def concatenated(chunks: Iterable[str]) -> str:
    """The output of a template, a macro or a block."""
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > MAX_TEXT:
            raise LimitError(f"the text is larger than {MAX_TEXT} characters")
        parts.append(chunk)
    METER.spend(size)
    return "".join(parts)


def _escapes(template_kind: str, name: str | None) -> bool:
    if template_kind == "slack":
        return True  # macros and blocks come back as markup; the finalizer has done Slack's own escaping
    return name is not None and (name == "<html>" or name.lower().endswith((".html", ".htm", ".mjml")))


def _metered(finalize: Callable[[Any], str]) -> Callable[[Any], str]:
    """What a macro or a block prints is held until its end: it is paid for at once."""

    def metered(value: Any) -> str:
        shown = finalize(value)
        METER.spend(len(shown))
        return shown

    return metered


def _finalize_slack(value: Any) -> Markup:
    shown = text(value)
    if isinstance(shown, Markup):
        return shown
    return Markup(shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))  # noqa: S704 - escaped


_FINALIZERS: dict[str, Callable[[Any], str]] = {
    "slack": _finalize_slack,
    "address": lambda value: veil(text(value)),
}
