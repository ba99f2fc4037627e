"""Walks the syntax trees of templates and keeps what they read."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from jinja2 import TemplateSyntaxError, nodes

from .compiler import chain, lacks
from .limits import LimitError
from .links import constant_names
from .optional import MISSING_HINT, missing
from .sandbox import GLOBALS, Sandbox
from .scopes import assigned, calls_super, imported, stored
from .translations import Use

_OWN = {"self", "super", "caller"}


class Reader:
    """Reads templates into ``entries``; a ``scope`` holds the names that a template has set."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.entries: list[dict[str, Any]] = []
        self.translated: list[Use] = []
        self._files = files
        self._sandbox = Sandbox("text", files)
        self._known: set[Any] = set()
        self._seen: set[tuple[str, str, frozenset[str]]] = set()
        self._begin("")

    def _begin(self, field: str) -> None:
        self._field = field
        self._file: str | None = None
        self._depth = 0  # how many children stand before the file that is being read
        self._overridden: dict[str, bool] = {}  # the blocks of those children, and whether they call super()
        self._isolated = False  # where the context is not known

    def read(self, field: str, source: str) -> None:
        """Read a template that is written in the definition itself."""
        self._begin(field)
        self._read_source(source, set())

    def read_file(self, field: str, name: str) -> None:
        """Read a template file."""
        self._begin(field)
        self._follow_name(name, set(), 1)

    def _follow_name(self, name: str, scope: set[str], line: int) -> None:
        if name not in self._files:
            self._fail(f"there is no template file {name!r}{_nearest(name, self._files)}", line)
            return
        visit = self._field, name, frozenset(scope)
        if visit in self._seen:
            return
        self._seen.add(visit)
        outer = self._file, self._overridden
        self._file = name
        self._read_source(self._files[name], set(scope))
        self._file, self._overridden = outer

    def _read_source(self, source: str, scope: set[str]) -> None:
        try:
            self._read_tree(source, scope)
        except TemplateSyntaxError as exc:
            self._fail(exc.message or "syntax error", exc.lineno)
        except LimitError as exc:
            self._fail(str(exc), 1)
        except (RecursionError, MemoryError):
            self._fail("the template nests too deeply", 1)

    def _read_tree(self, source: str, scope: set[str]) -> None:
        tree = self._sandbox.parse(source)
        if self._knows_names(tree):
            try:
                self._sandbox.compile(source)
            except (SyntaxError, ValueError) as exc:
                self._fail(f"the template does not compile: {exc}", 1)
        if tree.find(nodes.Extends) is not None:
            # A child's top level runs before its blocks and its parent do.
            scope.update(*map(assigned, tree.body))
            inherited = {block.name: calls_super(block) for block in tree.find_all(nodes.Block)}
            self._overridden = {**inherited, **self._overridden}
        self._visit_all(tree.body, scope)

    def _knows_names(self, tree: nodes.Template) -> bool:
        """Whether all filters and tests exist; the compiler would tell the first only, without a hint."""
        before = len(self.entries)
        for node in tree.find_all((nodes.Filter, nodes.Test)):
            is_filter = isinstance(node, nodes.Filter)
            what, known = ("filter", self._sandbox.filters) if is_filter else ("test", self._sandbox.tests)
            name: str = node.name
            if name not in known:
                self._fail(f"there is no {what} {name!r}{_nearest(name, known)}", node.lineno)
            elif is_filter and (packages := missing(name)):
                hint = MISSING_HINT.format(packages=" and ".join(packages))
                self._fail(lacks(name, packages), node.lineno, hint)
        return len(self.entries) == before

    def _fail(self, message: str, line: int | None, hint: str | None = None) -> None:
        entry: dict[str, Any] = {"field": self._field, "error": message, "file": self._file, "line": line}
        if hint is not None:
            entry["hint"] = hint
        if entry not in self.entries:
            self.entries.append(entry)

    def _emit(self, path: list[Any], node: nodes.Node) -> None:
        if self._isolated:
            message = f"{path[0]!r} is not known in a file that is imported or included without context"
            self._fail(message, node.lineno)
            return
        key = (self._field, self._file, *((type(part), part) for part in path))
        if key not in self._known:
            self._known.add(key)
            self.entries.append({"field": self._field, "path": path, "file": self._file, "line": node.lineno})

    def _visit_all(self, found: Iterable[nodes.Node | None], scope: set[str]) -> None:
        for node in found:
            if node is not None:
                self._visit(node, scope)

    def _visit(self, node: nodes.Node, scope: set[str]) -> None:
        handler = getattr(self, f"_visit_{type(node).__name__.lower()}", None)
        if handler is not None:
            handler(node, scope)
        else:
            self._visit_all(node.iter_child_nodes(), scope)

    def _visit_name(self, node: nodes.Name, scope: set[str]) -> None:
        if node.ctx == "load" and node.name not in scope | _OWN:
            self._emit([node.name], node)

    def _visit_getattr(self, node: nodes.Getattr | nodes.Getitem, scope: set[str]) -> None:
        path = chain(node)
        if path is None:
            self._visit_all(node.iter_child_nodes(), scope)
        elif path[0] not in scope | _OWN:
            self._emit(path, node)

    _visit_getitem = _visit_getattr

    def _visit_call(self, node: nodes.Call, scope: set[str]) -> None:
        called = node.node
        if isinstance(called, nodes.Getattr):
            path = chain(called.node)
            first = node.args[0] if node.args else None
            if called.attr == "get" and path is not None and isinstance(first, nodes.Const):
                self._visit(nodes.Getitem(called.node, first, "load", lineno=node.lineno), scope)
            else:
                self._visit(called.node, scope)
        elif not (isinstance(called, nodes.Name) and called.name in GLOBALS):
            self._visit(called, scope)
        if isinstance(called, nodes.Name) and called.name == "t" and "t" not in scope:
            self._note_translation(node)
        self._visit_all([*node.args, *node.kwargs, node.dyn_args, node.dyn_kwargs], scope)

    def _note_translation(self, node: nodes.Call) -> None:
        first = node.args[0] if node.args else None
        key = first.value if isinstance(first, nodes.Const) and isinstance(first.value, str) else None
        names = None if node.dyn_kwargs else frozenset(each.key for each in node.kwargs)
        self.translated.append(Use(self._field, self._file, node.lineno, key, names))

    def _visit_for(self, node: nodes.For, scope: set[str]) -> None:
        self._visit(node.iter, scope)
        inner = scope | stored(node.target) | {"loop"}
        self._visit_all([node.test], inner)
        self._visit_all(node.body, set(inner))
        self._visit_all(node.else_, set(scope))

    def _visit_if(self, node: nodes.If, scope: set[str]) -> None:
        self._visit(node.test, scope)
        ends = []
        branches: list[list[Any]] = [node.body, *[[part] for part in node.elif_], node.else_]
        for branch in branches:
            inner = set(scope)
            self._visit_all(branch, inner)
            ends.append(inner)
        scope |= set.intersection(*ends)

    def _visit_assign(self, node: nodes.Assign, scope: set[str]) -> None:
        self._visit(node.node, scope)
        scope |= stored(node.target)

    def _visit_assignblock(self, node: nodes.AssignBlock, scope: set[str]) -> None:
        self._visit_all([node.filter], scope)
        self._visit_all(node.body, set(scope))
        scope |= stored(node.target)

    def _visit_macro(self, node: nodes.Macro, scope: set[str]) -> None:
        scope.add(node.name)
        self._visit_all(node.defaults, scope)
        self._visit_all(node.body, scope | {arg.name for arg in node.args} | {"varargs", "kwargs", "caller"})

    def _visit_callblock(self, node: nodes.CallBlock, scope: set[str]) -> None:
        self._visit(node.call, scope)
        self._visit_all(node.defaults, scope)
        self._visit_all(node.body, scope | {arg.name for arg in node.args})

    def _visit_filterblock(self, node: nodes.FilterBlock, scope: set[str]) -> None:
        self._visit(node.filter, scope)
        self._visit_all(node.body, set(scope))

    def _visit_with(self, node: nodes.With, scope: set[str]) -> None:
        self._visit_all(node.values, scope)
        inner = set(scope)
        for target in node.targets:
            inner |= stored(target)
        self._visit_all(node.body, inner)

    def _visit_block(self, node: nodes.Block, scope: set[str]) -> None:
        # A parent's block that a child has replaced, without calling super(), is never rendered.
        if self._depth == 0 or self._overridden.get(node.name, True):
            self._visit_all(node.body, set(scope))

    def _visit_extends(self, node: nodes.Extends, scope: set[str]) -> None:
        self._depth += 1
        self._follow(node, node.template, scope)
        self._depth -= 1

    def _visit_include(self, node: nodes.Include, scope: set[str]) -> None:
        self._standalone(node, scope, node.with_context, node.ignore_missing)

    def _visit_import(self, node: nodes.Import, scope: set[str]) -> None:
        self._standalone(node, scope, node.with_context, False)
        scope.add(node.target)

    def _visit_fromimport(self, node: nodes.FromImport, scope: set[str]) -> None:
        self._standalone(node, scope, node.with_context, False)
        scope |= imported(node)

    def _standalone(self, node: Any, scope: set[str], with_context: bool, ignore_missing: bool) -> None:
        outer = self._depth, self._overridden, self._isolated
        self._depth, self._overridden, self._isolated = 0, {}, self._isolated or not with_context
        self._follow(node, node.template, scope if with_context else set(), ignore_missing)
        self._depth, self._overridden, self._isolated = outer

    def _follow(
        self, node: nodes.Node, template: nodes.Node, scope: set[str], ignore_missing: bool = False
    ) -> None:
        names = constant_names(template)
        if names is None:
            self._fail("the name of a template file must be written out", node.lineno)
            self._visit(template, scope)
            return
        if isinstance(template, nodes.CondExpr):
            self._visit(template.test, scope)
        # Of a list, the first file that exists is taken.
        is_choice = isinstance(template, (nodes.List, nodes.Tuple))
        may_miss = ignore_missing or (is_choice and any(name in self._files for name in names))
        for name in names:
            if name in self._files or not may_miss:
                self._follow_name(name, scope, node.lineno)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f": did you mean {near[0]!r}?" if near else ""
