"""MJML with Jinja in it, compiled to HTML with the same Jinja in it.

Layouts and partials in MJML are put together first, for MJML sees whole documents only. Then every piece of
Jinja is hidden behind a word, or behind a comment where it stands between elements, and what a text element
holds goes by MJML unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mjml import mjml2html

from .faults import WritingError
from .segments import TOKEN, Segment, Shield, segments
from .tags import end_of, tags

ENDING = ".mjml"
MAX_NESTING = 50

# What these hold is text or HTML, and none of MJML's business.
_OPAQUE = frozenset(
    {
        *("mj-text", "mj-button", "mj-table", "mj-raw", "mj-title", "mj-preview", "mj-style", "style"),
        *("mj-navbar-link", "mj-accordion-title", "mj-accordion-text", "mj-social-element"),
    }
)
# Known to MJML's own engine but not to this one, which would leave them out without a word.
_KNOWN = _OPAQUE | {
    *("mjml", "mj-head", "mj-body", "mj-attributes", "mj-all", "mj-class", "mj-font", "mj-breakpoint"),
    *("mj-section", "mj-column", "mj-group", "mj-wrapper", "mj-hero", "mj-image", "mj-divider", "mj-spacer"),
    *("mj-social", "mj-navbar", "mj-accordion", "mj-accordion-element", "mj-carousel", "mj-carousel-image"),
    *("mj-include", "mj-html-attributes", "mj-selector", "mj-html-attribute"),
}
_ENDS = {"block": "endblock", "set": "endset", "macro": "endmacro"}
_POSITION = re.compile(r" at position (\d+):(\d+)$")
_COMMENTED = re.compile(f"<!--({TOKEN.pattern})-->", re.IGNORECASE)
# What a layout says for elements that a template has none of may go unused.
_DEFAULTS = re.compile(r"<mj-attributes\b.*?</mj-attributes\s*>", re.IGNORECASE | re.DOTALL)
_OWN_STYLE = (
    '<style type="text/css">'  # the first is MJML's, for old mail programs: no business of each element
)
_BLOCK_NAME = re.compile(r"\s*(\w+)")


def is_mjml(name: str) -> bool:
    """Whether a file's name says MJML."""
    return name.lower().endswith(ENDING)


def compile_mjml(name: str, files: Mapping[str, str]) -> str:
    """The HTML template that an MJML template stands for. Raises WritingError."""
    return _to_html(name, _compose(name, files))


# --- putting together -------------------------------------------------------------------------------------


@dataclass
class _Block:
    """A block's name and what it holds: pieces, and blocks inside it."""

    name: str
    line: int
    parts: list[Segment | _Block] = field(default_factory=list)


def _compose(name: str, files: Mapping[str, str]) -> list[Segment]:
    """One document without extends, blocks and includes of MJML."""
    chain: list[dict[str, _Block]] = []
    preamble: list[Segment] = []
    while True:
        if len(chain) > MAX_NESTING:
            raise WritingError(
                name, "the layouts extend each other without end", "let one of them stand alone"
            )
        found = _included(name, files, 0)
        parent = next((part for part in found if part.kind == "statement" and part.word == "extends"), None)
        tree = _blocks(name, found)
        if parent is None:
            overridden: dict[str, list[_Block]] = {}
            for blocks in chain:
                for block in blocks.values():
                    overridden.setdefault(block.name, []).append(block)
            return [*preamble, *_flat(name, tree, overridden)]
        layout = parent.literal
        if layout is None or not is_mjml(layout) or layout not in files:
            hint = 'write {% extends "layout.mjml" %}'
            raise WritingError(name, f"no MJML layout can be found by {parent.source}", hint, parent.line)
        chain.append({block.name: block for block in _all_blocks(tree)})
        preamble = [*_kept(tree), *preamble]
        name = layout


def _included(name: str, files: Mapping[str, str], depth: int) -> list[Segment]:
    """The pieces of a file with the MJML files that it includes."""
    if depth > MAX_NESTING:
        raise WritingError(name, "the files include each other without end", "take one of the includes out")
    found = segments(files[name])
    if found is None:
        raise WritingError(name, "the template is no Jinja", "mend its {{ and {%")
    whole: list[Segment] = []
    for part in found:
        if part.kind != "statement" or part.word not in ("include", "import", "from"):
            whole.append(part)
            continue
        named = part.literal
        if part.word == "include" and named is not None and is_mjml(named):
            if named not in files:
                raise WritingError(name, f"there is no template file {named!r}", None, part.line)
            whole.extend(_included(named, files, depth + 1))
        elif ENDING in part.rest:
            hint = 'write {% include "part.mjml" %}, or keep macros in an HTML file'
            raise WritingError(name, f"MJML cannot be put in by {part.source}", hint, part.line)
        else:
            whole.append(part)
    return whole


def _blocks(name: str, found: Iterable[Segment]) -> list[Segment | _Block]:
    top = _Block("", 1)
    open_blocks = [top]
    for part in found:
        if part.kind == "statement" and part.word == "block":
            named = _BLOCK_NAME.match(part.rest)
            block = _Block(named[1] if named else "", part.line)
            open_blocks[-1].parts.append(block)
            open_blocks.append(block)
        elif part.kind == "statement" and part.word == "endblock":
            if len(open_blocks) == 1:
                raise WritingError(name, "an endblock without its block", "take it out", part.line)
            open_blocks.pop()
        else:
            open_blocks[-1].parts.append(part)
    if len(open_blocks) > 1:
        fact = f"the block {open_blocks[-1].name} has no end"
        raise WritingError(name, fact, "write {% endblock %}", open_blocks[-1].line)
    return top.parts


def _all_blocks(tree: Iterable[Segment | _Block]) -> Iterable[_Block]:
    for part in tree:
        if isinstance(part, _Block):
            yield part
            yield from _all_blocks(part.parts)


def _kept(tree: Iterable[Segment | _Block]) -> Iterable[Segment]:
    """What a child says outside its blocks and Jinja runs before the layout: set, import, macro."""
    until: str | None = None
    for part in tree:
        if isinstance(part, _Block):
            continue
        if until is not None:
            yield part
            if part.kind == "statement" and part.word == until:
                until = None
        elif part.kind == "statement" and part.word in ("set", "import", "from", "macro"):
            yield part
            if part.word == "macro" or (part.word == "set" and "=" not in part.rest):
                until = _ENDS[part.word]


def _flat(
    name: str, tree: Iterable[Segment | _Block], overridden: Mapping[str, list[_Block]], depth: int = 0
) -> Iterable[Segment]:
    """The tree with each block as the child nearest to the message has it."""
    if depth > MAX_NESTING:
        raise WritingError(name, "blocks are nested too deeply", "write them flatter")
    for part in tree:
        if isinstance(part, _Block):
            yield from _block(name, [*overridden.get(part.name, []), part], overridden, depth + 1)
        else:
            yield part


def _block(
    name: str, versions: list[_Block], overridden: Mapping[str, list[_Block]], depth: int
) -> Iterable[Segment]:
    for part in _flat(name, versions[0].parts, overridden, depth):
        if part.kind == "expression" and part.word == "super()":
            if len(versions) > 1:
                yield from _block(name, versions[1:], overridden, depth + 1)
        else:
            yield part


# --- compiling --------------------------------------------------------------------------------------------


def _to_html(name: str, found: list[Segment]) -> str:
    shield = Shield()
    source = shield.covered(part for part in found if part.kind != "comment")
    before, _, document = source.partition("<mjml")
    if not document:
        raise WritingError(
            name, "the template has no <mjml>", 'write <mjml>…</mjml>, or {% extends "layout.mjml" %}'
        )
    document = _between(name, "<mjml" + _without_texts(document, shield), shield)
    try:
        html = str(mjml2html(document))
    except ValueError as exc:
        raise WritingError(name, *_told(str(exc), document, shield)) from exc
    for match in TOKEN.finditer(_DEFAULTS.sub("", document)):
        if match[0] not in html:
            fact = f"MJML has no use for {shield.bare(match[0])} where it stands"
            raise WritingError(name, fact, "write sizes out: MJML reckons with them when it is compiled")
    # Statements may stand before the document; text there would be seen.
    preamble = "".join(match[0] for match in TOKEN.finditer(before))
    html = _COMMENTED.sub(r"\1", html).replace(_OWN_STYLE, _OWN_STYLE[:-1] + ' data-css-inline="ignore">', 1)
    return shield.bare(preamble + html)


def _without_texts(document: str, shield: Shield) -> str:
    """The document with what its text elements hold hidden."""
    parts, at = [], 0
    for tag in tags(document, _OPAQUE):
        if tag.name in _OPAQUE and not tag.is_end and not tag.is_empty:
            held = document[tag.end : (end := end_of(document, tag))]
            parts += [document[at : tag.end], shield.hide(held) if held.strip() else held]
            at = end
    return "".join([*parts, document[at:]])


def _between(name: str, document: str, shield: Shield) -> str:
    """The document with Jinja that stands between elements as comments."""
    parts, at, open_tags = [], 0, [""]
    for tag in tags(document, _OPAQUE):
        between = document[at : tag.start]
        parts += [_commented(name, between, open_tags, shield), document[tag.start : tag.end]]
        at = tag.end
        if tag.is_end:
            if tag.name != open_tags[-1]:
                fact = f"</{tag.name}> stands where <{open_tags[-1]}> is open"
                raise WritingError(name, fact, "close every element in the order in which they were opened")
            open_tags.pop()
            continue
        if tag.name not in _KNOWN and not _inside_text(open_tags):
            near = shield.bare(document[tag.start : tag.end])
            raise WritingError(
                name, f"{near} is no element of MJML", "put HTML into mj-text, mj-table or mj-raw"
            )
        if tag.name == "mj-include":
            raise WritingError(name, "mj-include is not read here", 'write {% include "part.mjml" %}')
        if not tag.is_empty:
            open_tags.append(tag.name)
    if len(open_tags) > 1:
        raise WritingError(name, f"<{open_tags[-1]}> is not closed", f"write </{open_tags[-1]}>")
    return "".join([*parts, document[at:]])


def _inside_text(open_tags: list[str]) -> bool:
    return any(tag in _OPAQUE for tag in open_tags)


def _commented(name: str, between: str, open_tags: list[str], shield: Shield) -> str:
    if _inside_text(open_tags):
        return between
    if "mj-head" in open_tags and (hidden := shield.bare(between).strip()):
        hint = "put the condition into mj-style or mj-raw"
        raise WritingError(name, f"{hidden[:60]} stands between the elements of mj-head", hint)
    return shield.replaced(between, lambda word, _: f"<!--{word}-->")


def _told(problem: str, document: str, shield: Shield) -> tuple[str, str]:
    """MJML's complaint, with the place in the source."""
    found = _POSITION.search(problem)
    if found is None:
        return f"MJML: {problem}", "mend the template"
    near = shield.bare(document[max(0, int(found[1]) - 20) : int(found[2]) + 40]).replace("<!--{", "{")
    return f"MJML: {problem[: found.start()]}", f"look near: {' '.join(near.split())}"
