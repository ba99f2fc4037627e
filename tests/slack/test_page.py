"""The page docs/slack.md: its workflows can be published."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.helpers import Connection, publish

from dreamlit_pg.definition import read_workflow

PAGE = (Path(__file__).parents[2] / "docs" / "slack.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_workflow_of_the_page_can_be_published(users: Connection, tmp_path: Path, example: str) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(example, "utf-8")
    assert publish(users, read_workflow(file).document) == 1
