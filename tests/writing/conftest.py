"""Template files in a folder, compiled as publishing compiles them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dreamlit_pg.definition import read_workflow
from dreamlit_pg.rendering import render_batch

WORKFLOW = """
workflow: hello
trigger: {table: public.users, on: insert}
steps:
  - id: tell
    email: {to: a@example.com, subject: Hi, template: %s}
"""

Write = Callable[..., dict[str, str]]


@pytest.fixture
def compiled(tmp_path: Path) -> Write:
    """The files of a workflow whose template is the first of those given."""

    def compiled(**files: str) -> dict[str, str]:
        names = {name.replace("_", ".", 1): text for name, text in files.items()}
        for name, text in names.items():
            (tmp_path / name).write_text(text, "utf-8")
        (tmp_path / "w.yaml").write_text(WORKFLOW % next(iter(names)), "utf-8")
        found: dict[str, str] = read_workflow(tmp_path / "w.yaml").document["files"]
        return found

    return compiled


def rendered(files: dict[str, str], name: str, context: dict[str, Any] | None = None, **email: str) -> str:
    """The HTML of an email with that template."""
    templates = {"to": "a@example.com", "template": name, **email}
    found = render_batch("email", templates, files, [context or {}])[0]
    assert "content" in found, found
    html: str = found["content"]["html"]
    return html
