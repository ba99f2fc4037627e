"""The files that templates use."""

from __future__ import annotations

from jinja2 import TemplateError, nodes

from .sandbox import Sandbox


def linked_files(source: str) -> list[str]:
    """The names of the files that a source extends, includes or imports; none if it does not parse."""
    try:
        tree = Sandbox("text", {}).parse(source)
    except (TemplateError, RecursionError):
        return []
    found: dict[str, None] = {}
    for node in tree.find_all((nodes.Extends, nodes.Include, nodes.Import, nodes.FromImport)):
        found.update(dict.fromkeys(constant_names(node.template) or []))  # type: ignore[attr-defined]
    return list(found)


def uses_translations(source: str) -> bool:
    """Whether a source calls t(); False if it does not parse."""
    try:
        tree = Sandbox("text", {}).parse(source)
    except (TemplateError, RecursionError):
        return False
    return any(
        isinstance(call.node, nodes.Name) and call.node.name == "t" for call in tree.find_all(nodes.Call)
    )


def constant_names(node: nodes.Node) -> list[str] | None:
    """The names that an expression can give, None unless they are all written out."""
    if isinstance(node, nodes.Const):
        return [node.value] if isinstance(node.value, str) else None
    parts: list[nodes.Expr]
    if isinstance(node, (nodes.List, nodes.Tuple)):
        parts = node.items
    elif isinstance(node, nodes.CondExpr) and node.expr2 is not None:
        parts = [node.expr1, node.expr2]
    else:
        return None
    names: list[str] = []
    for part in parts:
        found = constant_names(part)
        if found is None:
            return None
        names.extend(found)
    return names
