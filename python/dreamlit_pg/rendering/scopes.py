"""The names that parts of a template set."""

from __future__ import annotations

from jinja2 import nodes


def stored(target: nodes.Node) -> set[str]:
    """The names that an assignment to this target sets."""
    found = [target] if isinstance(target, nodes.Name) else target.find_all(nodes.Name)
    return {name.name for name in found}


def imported(node: nodes.FromImport) -> set[str]:
    return {name if isinstance(name, str) else name[1] for name in node.names}


def assigned(node: nodes.Node) -> set[str]:
    """The names that a statement sets."""
    if isinstance(node, (nodes.Assign, nodes.AssignBlock)):
        return stored(node.target)
    if isinstance(node, nodes.Macro):
        return {node.name}
    if isinstance(node, nodes.Import):
        return {node.target}
    if isinstance(node, nodes.FromImport):
        return imported(node)
    return set()


def calls_super(block: nodes.Block) -> bool:
    return any(name.name == "super" for name in block.find_all(nodes.Name))
