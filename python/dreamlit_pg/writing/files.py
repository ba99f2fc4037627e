"""All template files of one definition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from dreamlit_pg.rendering import linked_files

from .mjml import compile_mjml, is_mjml
from .styles import Page

_HTML = (".html", ".htm", ".mjml")


def compile_files(
    files: Mapping[str, str], roots: Iterable[str], read_css: Callable[[str], str | None]
) -> dict[str, str]:
    """The files as they are published: MJML as HTML under the same name, with CSS in style attributes.

    Roots are the templates that steps name: MJML that is only extended or included is part of them and is
    left out. ``read_css`` gives a linked style sheet beside the templates, or None. Raises WritingError.
    """
    wanted = [name for name in roots if name in files]
    found = {
        name: compile_mjml(name, files) if is_mjml(name) else text
        for name, text in files.items()
        if not is_mjml(name) or name in wanted
    }
    pages = {name: Page(name, text, read_css) for name, text in found.items() if name.lower().endswith(_HTML)}
    links = {name: [other for other in linked_files(found[name]) if other in pages] for name in pages}
    keep_rules = any(page.is_dynamic for page in pages.values())
    for name, page in pages.items():
        css = "\n".join(pages[other].css for other in _related(name, links))
        found[name] = page.inlined(css, keep_rules=keep_rules)
    return dict(sorted(found.items()))


def _related(name: str, links: Mapping[str, list[str]]) -> list[str]:
    """The other files that stand in one message with a file, whose rules are meant for it too."""
    related: set[str] = set()
    for root in links:
        reached, new = {root}, [root]
        while new:
            new = [other for one in new for other in links[one] if other not in reached]
            reached.update(new)
        if name in reached:
            related |= reached
    return sorted(related - {name})
