"""CSS of <style> into the elements, for the mail clients that read no other."""

from __future__ import annotations

import re

import css_inline

from dreamlit_pg.writing.tokens import Tokens, WritingError

_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_DOCUMENT = re.compile(r"<html\b", re.IGNORECASE)


def inline(source: str) -> str:
    """Return an HTML template with its CSS in style attributes too.

    <style> stays, for media queries and dark mode. A part of a document, or one without <style>, is returned
    as it is. Nothing is loaded from anywhere. Raises WritingError.
    """
    if not _STYLE.search(source) or not _DOCUMENT.search(source):
        return source
    tokens = Tokens(source)
    inliner = css_inline.CSSInliner(keep_style_tags=True, load_remote_stylesheets=False)
    try:
        inlined = inliner.inline(tokens.with_comments(tokens.text))
    except css_inline.InlineError as error:
        raise WritingError(f"its CSS cannot be inlined: {error}", hint="mend the <style>") from error
    return tokens.restored(inlined)
