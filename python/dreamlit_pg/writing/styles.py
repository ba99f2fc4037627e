"""CSS becomes style attributes: most mail programs keep those, few keep anything else.

The HTML is never written anew. A copy of it, with a mark on every element and without Jinja, goes through
css-inline; the style attributes that come out are put into the source, where everything else stays as it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html.parser import HTMLParser

from css_inline import CSSInliner, InlineError

from .faults import WritingError
from .segments import TOKEN, Shield, segments
from .tags import Tag, end_of, tags

_OPAQUE = frozenset({"style", "script", "title", "textarea", "xmp"})
_MARK = "data-dreamlit"
_UNMARKED = frozenset({"html", "head", "meta", "title", "link", "script", "base"})
_IN_TABLE = {"tr": "<table><tbody>", "td": "<table><tbody><tr>", "th": "<table><tbody><tr>"}
_DOCUMENT = re.compile(r"<html[\s>]|<body[\s>]", re.IGNORECASE)
_STYLE = re.compile(r"""\sstyle\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_CDATA = re.compile(r"^\s*<!--|-->\s*$")


@dataclass(frozen=True)
class _Sheet:
    """A style element: its tag, and where its text ends."""

    tag: Tag
    end: int
    css: str


class Page:
    """An HTML template, with its own CSS taken apart from it."""

    def __init__(self, name: str, source: str, read_css: Callable[[str], str | None]) -> None:
        self._name = name
        self._shield = Shield()
        found = segments(source)
        self._source = source
        self._text = self._linked(self._shield.covered(found), read_css) if found is not None else None
        self._tags = (
            [] if self._text is None else [tag for tag in tags(self._text, _OPAQUE) if not tag.is_end]
        )
        self._sheets = list(self._own_sheets())

    @property
    def css(self) -> str:
        """Its own rules, with Jinja's expressions in their place."""
        return "\n".join(self._shield.bare(sheet.css) for sheet in self._sheets)

    @property
    def is_dynamic(self) -> bool:
        """Whether classes are decided when it is rendered, so that no rule can be told to be unused."""
        return any(
            TOKEN.search(tag.attribute(name) or "") or self._shield.holds_statement(tag.attributes)
            for tag in self._tags
            for name in ("class", "id")
        )

    def _linked(self, text: str, read_css: Callable[[str], str | None]) -> str:
        """The source with its linked local files as style elements."""
        for tag in reversed([tag for tag in tags(text, _OPAQUE) if tag.name == "link" and not tag.is_end]):
            href = tag.attribute("href") or ""
            if (tag.attribute("rel") or "").lower() == "stylesheet" and not re.match(
                r"\w+:|//|dreamlitj", href
            ):
                css = read_css(href)
                if css is None:
                    fact = f"there is no style sheet {href!r}"
                    raise WritingError(self._name, fact, "put it into the folder of the templates")
                text = f"{text[: tag.start]}<style>\n{css}\n</style>{text[tag.end :]}"
        return text

    def _own_sheets(self) -> Iterable[_Sheet]:
        for tag in self._tags:
            if (
                tag.name == "style"
                and self._text is not None
                and not self._shield.holds_statement(tag.attributes)
            ):
                end = end_of(self._text, tag)
                css = _CDATA.sub("", self._text[tag.end : end])
                kept = tag.attribute("data-css-inline") is not None or tag.attribute("media") is not None
                if css.strip() and not kept and not self._shield.holds_statement(css):
                    yield _Sheet(tag, end, css)

    def inlined(self, css: str, *, keep_rules: bool) -> str:
        """The template with the rules of other pages and its own as style attributes. Raises WritingError."""
        if self._text is None or not (css.strip() or self._sheets):
            return self._source
        foreign = segments(css)
        foreign_css = self._shield.covered(foreign) if foreign is not None else ""
        inliner = CSSInliner(
            keep_style_tags=True,
            keep_at_rules=True,
            remove_inlined_selectors=not keep_rules,
            load_remote_stylesheets=False,
            extra_css=foreign_css or None,
        )
        try:
            found = _Marked(inliner.inline(self._marked()))
        except (InlineError, ValueError) as exc:
            raise WritingError(self._name, f"the CSS cannot be read: {exc}", "mend the style sheet") from exc
        return self._shield.bare(self._written(found))

    def _can_mark(self, tag: Tag) -> bool:
        # A declaration that is all Jinja, or none, is nothing that css-inline could read.
        declarations = (tag.attribute("style") or "").split(";")
        return (
            tag.name not in _UNMARKED
            and not self._shield.holds_statement(tag.attributes)
            and all(":" in declaration for declaration in declarations if declaration.strip())
        )

    def _marked(self) -> str:
        """The copy for css-inline."""
        text = self._text or ""
        sheets = {sheet.tag.start for sheet in self._sheets}
        parts, at = [], 0
        for number, tag in enumerate(self._tags):
            parts.append(TOKEN.sub("", text[at : tag.start]))
            at = tag.end
            if tag.name in _OPAQUE:
                at = end_of(text, tag)
                if tag.start in sheets:
                    parts.append(f'<style {_MARK}="{number}">{_CDATA.sub("", text[tag.end : at])}')
                else:
                    at = min(
                        len(text), at + len(tag.name) + 3
                    )  # what is not to be touched is not shown either
            elif self._can_mark(tag):
                parts.append(f'<{tag.name} {_MARK}="{number}"{tag.attributes}>')
            else:
                left = _STYLE.sub(" ", TOKEN.sub("", tag.attributes))
                parts.append(f"<{tag.name}{left}>")
        copy = "".join([*parts, TOKEN.sub("", text[at:])])
        if _DOCUMENT.search(copy):
            return copy
        first = next((tag.name for tag in self._tags), "")
        return f"<html><head></head><body>{_IN_TABLE.get(first, '')}{copy}</body></html>"

    def _written(self, found: _Marked) -> str:
        """The source with what css-inline found."""
        text = self._text or ""
        sheets = {sheet.tag.start: sheet for sheet in self._sheets}
        for number, tag in reversed(list(enumerate(self._tags))):
            if (sheet := sheets.get(tag.start)) is not None:
                left = found.sheets.get(str(number), "").strip()
                lost = "\n" * (text.count("\n", tag.end, sheet.end) - left.count("\n"))
                text = text[: tag.end] + left + lost + text[sheet.end :]
            elif self._can_mark(tag) and (style := found.styles.get(str(number))):
                text = self._with_style(text, tag, style)
        return text

    @staticmethod
    def _with_style(text: str, tag: Tag, style: str) -> str:
        before = tag.attribute("style") or ""
        if set(TOKEN.findall(before)) - set(TOKEN.findall(style)):
            return text  # a whole declaration is Jinja's, which css-inline cannot read
        written = 'style="' + style.replace("&", "&amp;").replace('"', "&quot;") + '"'
        place = tag.place_of("style")
        if place is not None:
            return text[: place[0]] + written + text[place[1] :]
        at = tag.start + 1 + len(tag.name)
        return f"{text[:at]} {written}{text[at:]}"


class _Marked(HTMLParser):
    """Reads the style attributes and style sheets of marked elements."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.styles: dict[str, str] = {}
        self.sheets: dict[str, str] = {}
        self._sheet: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        mark = given.get(_MARK)
        if tag == "style":
            self._sheet = mark
        elif mark is not None and given.get("style"):
            self.styles[mark] = given["style"] or ""

    def handle_data(self, data: str) -> None:
        if self._sheet is not None:
            self.sheets[self._sheet] = self.sheets.get(self._sheet, "") + data

    def handle_endtag(self, tag: str) -> None:
        if tag == "style":
            self._sheet = None
