"""What becomes of template files before they are published: MJML becomes HTML, CSS becomes style attributes.

All of it happens where the definition is read, never in the database, which sees Jinja templates in HTML and
nothing else. The public function is ``compile_files``.
"""

from __future__ import annotations

from .files import compile_files

__all__ = ["compile_files"]
