"""The fields of a message: templates, compiled once, and what becomes of their text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Template
from jinja2.runtime import Context

from .faults import FaultError, fault_of
from .lines import storable
from .sandbox import Sandbox, concatenated
from .translations import Translations, TranslationsError

Finish = Callable[[str], Any]
_MARKS = ("{{", "{%", "{#")


def is_constant(source: str) -> bool:
    """Whether a source holds no template, but its text."""
    return not any(mark in source for mark in _MARKS)


def finish_body(text: str) -> str:
    return storable(text, "the text")


class Field:
    """One compiled template; ``value`` gives what its text becomes."""

    def __init__(self, name: str, template: Template | str, finish: Finish) -> None:
        self._name = name
        self._finish = finish
        self._constant = template if isinstance(template, str) else None
        if not isinstance(template, str):
            self._environment = template.environment
            self._template_name = template.name
            self._root = template.root_render_func
            self._blocks = template.blocks
            self._spare: Context | None = None

    def value(self, variables: dict[str, Any]) -> Any:
        """The field's value for one item; raises FaultError."""
        try:
            return self._finish(self._text(variables))
        except Exception as exc:  # noqa: BLE001 - whatever a template raises becomes data
            raise fault_of(self._name, exc) from None

    def _text(self, variables: dict[str, Any]) -> str:
        if self._constant is not None:
            return self._constant
        # Not template.render(), which copies the variables and rewrites tracebacks. Making a context takes
        # longer than a short template: one that is as it was serves the next item too, one that saw an
        # exception never.
        context, self._spare = self._spare, None
        if context is None:
            context = Context(self._environment, variables, self._template_name, self._blocks)
        else:
            context.parent = variables
        text = concatenated(self._root(context))
        if not (context.vars or context.exported_vars or context.blocks):
            context.parent = {}
            self._spare = context
        return text


class Compiler:
    """Makes the fields of one message; the templates of one kind share an environment. Raises FaultError."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files
        try:
            self.translations = Translations(files)
        except TranslationsError as exc:
            raise FaultError(None, "template", str(exc)) from None
        self._sandboxes: dict[str, Sandbox] = {}

    def inline(self, name: str, kind: str, source: Any, finish: Finish = finish_body) -> Field:
        """A template that is written in the definition itself."""
        if source is None or isinstance(source, (dict, list)):
            raise FaultError(name, "template", f"{name} must be text")
        source = source if isinstance(source, str) else json.dumps(source)
        if is_constant(source):
            return Field(name, source.removesuffix("\n"), finish)
        return self._compiled(name, finish, lambda: self._template(kind, source, f"<{name}>"))

    def file(self, name: str, kind: str, file: str) -> Field:
        """A template file."""
        return self._compiled(name, finish_body, lambda: self._sandbox(kind).get_template(file))

    def _compiled(self, name: str, finish: Finish, template: Callable[[], Template]) -> Field:
        try:
            return Field(name, template(), finish)
        except Exception as exc:  # noqa: BLE001 - whatever a template raises becomes data
            raise fault_of(name, exc) from None

    def _template(self, kind: str, source: str, name: str) -> Template:
        sandbox = self._sandbox(kind)
        code = sandbox.compile(source, name=name, filename=name)
        return Template.from_code(sandbox, code, sandbox.globals)

    def _sandbox(self, kind: str) -> Sandbox:
        if kind not in self._sandboxes:
            self._sandboxes[kind] = Sandbox(kind, self.files)
        return self._sandboxes[kind]
