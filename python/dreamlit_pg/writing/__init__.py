"""What becomes of a template file at publish: MJML is compiled to HTML, CSS is inlined.

The database and the renderers see HTML with Jinja in it, and know nothing of either.
"""

from __future__ import annotations

from dreamlit_pg.writing.files import HTML_ENDINGS, prepare
from dreamlit_pg.writing.tokens import WritingError

__all__ = ["HTML_ENDINGS", "WritingError", "prepare"]
