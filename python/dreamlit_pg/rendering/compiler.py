"""Compiles what the sandbox does not intercept into calls that keep limits and name what is missing."""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateAssertionError, nodes
from jinja2.compiler import CodeGenerator, Frame

from .optional import missing


class Generator(CodeGenerator):
    # ruff: noqa: N802 -- Jinja2 looks the visitors up by the names of its nodes

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: Any) -> str:
        # Jinja2 escapes a constant before it finalizes it, which prints null as None: leave it to run time.
        if not isinstance(node, nodes.TemplateData):
            raise nodes.Impossible
        return super()._output_child_to_const(node, frame, finalize)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        self.write("environment.join_parts(")
        self._visit_tuple(node.nodes, frame)
        self.write(", context.eval_ctx.autoescape)")

    def visit_Filter(self, node: nodes.Filter, frame: Frame) -> None:
        # A library is loaded while a template is compiled: an item has no time for that.
        packages = missing(node.name)
        if packages:
            raise TemplateAssertionError(lacks(node.name, packages), node.lineno, self.name, self.filename)
        super().visit_Filter(node, frame)

    def visit_Compare(self, node: nodes.Compare, frame: Frame) -> None:
        self.write("environment.compare(")
        self.visit(node.expr, frame)
        for operand in node.ops:
            self.write(f", {operand.op!r}, ")
            self.visit(operand.expr, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:
        self.write("environment.mapping((")
        for pair in node.items:
            self._visit_tuple([pair.key, pair.value], frame)
            self.write(", ")
        self.write("))")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:
        self.write("environment.getattr(")
        self.visit(node.node, frame)
        self.write(f", {node.attr!r}, {_dotted(node)!r})")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:
        self.write("environment.getitem(")
        self.visit(node.node, frame)
        self.write(", ")
        if isinstance(node.arg, nodes.Slice):
            self.write("slice(*")
            self._visit_tuple([node.arg.start, node.arg.stop, node.arg.step], frame)
            self.write(")")
        else:
            self.visit(node.arg, frame)
        self.write(f", {_dotted(node)!r})")

    def _visit_tuple(self, parts: list[Any], frame: Frame) -> None:
        self.write("(")
        for part in parts:
            if part is None:
                self.write("None")
            else:
                self.visit(part, frame)
            self.write(", ")
        self.write(")")


def lacks(name: str, packages: list[str]) -> str:
    """What is told of a filter that cannot run here."""
    return f"the filter {name!r} needs {' and '.join(packages)} in the Python that renders"


def chain(node: nodes.Node) -> list[Any] | None:
    """``trigger.address['city']`` as ["trigger", "address", "city"]; None if it starts at no name."""
    path: list[Any] = []
    while not isinstance(node, nodes.Name):
        if isinstance(node, nodes.Getattr):
            path.append(node.attr)
        elif isinstance(node, nodes.Getitem) and _is_key(node.arg):
            path.append(node.arg.value)  # type: ignore[attr-defined]
        else:
            return None
        node = node.node
    return [node.name, *reversed(path)]


def _is_key(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Const) and type(node.value) in (str, int)


def _dotted(node: nodes.Node) -> str | None:
    path = chain(node)
    if path is None:
        return None
    return str(path[0]) + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path[1:])
