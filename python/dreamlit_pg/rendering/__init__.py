"""Templates in, texts and per-item errors out.

The same modules render in two places: in the sender, and inside PostgreSQL, where plpython3u executes their
sources. So they import the standard library, Jinja2, MarkupSafe and each other (``from .module import name``)
and nothing else, save through ``optional`` what some filters need, and keep no state but caches.

The public functions:

``render_batch``  one result per context, in order; a bad context never fails its neighbours
``references``    every variable that the templates read, and what is wrong with the templates
``linked_files``  the template files that one source names
``uses_translations``  whether one source calls t()
"""

from __future__ import annotations

from .batch import render_batch
from .links import linked_files, uses_translations
from .placeholders import PLACEHOLDERS
from .references import references

__all__ = ["PLACEHOLDERS", "linked_files", "references", "render_batch", "uses_translations"]
