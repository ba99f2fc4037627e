"""docs/security.md says what is so: its tests exist, and its list of functions is the catalog's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.helpers import Connection, rows

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
FUNCTIONS = PAGE.split("### Functions that run with its rights", 1)[1].split("\n## ", 1)[0]
NAMED = sorted(
    set(
        re.findall(
            r"`(test_\w+)`", re.sub(r"^\| .*", "", FUNCTIONS, flags=re.MULTILINE).join(PAGE.split(FUNCTIONS))
        )
    )
)
NOBODY = "nobody: called by those below"


def definers_of_page() -> dict[str, set[str]]:
    """The table of functions that run with the owner's rights: who may call them, and their names."""
    table = re.findall(r"^\| (.+?) \| (.+?) \|$", FUNCTIONS, re.MULTILINE)[1:]
    return {roles.replace("`", ""): set(re.findall(r"`(\w+)`", names)) for roles, names in table}


@pytest.mark.parametrize("name", NAMED)
def test_every_test_that_the_page_names_exists(name: str) -> None:
    pattern = re.compile(rf"^\s*(?:async )?def {name}\(", re.MULTILINE)
    assert any(pattern.search(path.read_text("utf-8")) for path in (ROOT / "tests").rglob("test_*.py"))


def test_every_row_of_the_pages_tables_has_a_test() -> None:
    for section in ("Who may do what", "Injection", "A publisher who means harm"):
        text = PAGE.split(f"## {section}\n", 1)[1].split("\n## ", 1)[0]
        table = [line for line in text.splitlines() if line.startswith("|")][2:]
        assert len(table) > 5
        assert [line for line in table if not re.search(r"`test_\w+` \|$", line)] == []


def test_every_test_of_this_folder_about_rights_is_on_the_page() -> None:
    """A hole that was closed is not forgotten: what is tried here is told there."""
    for module in ("test_escalation", "test_row_level_security"):
        text = (Path(__file__).parent / f"{module}.py").read_text("utf-8")
        missing = set(re.findall(r"^def (test_\w+)", text, re.MULTILINE)) - set(NAMED)
        assert missing <= {
            "test_a_trigger_function_that_was_made_before_gives_way_to_the_publishers",
            "test_the_clock_is_the_engines_own",
        }


def test_the_page_lists_every_function_that_runs_with_the_owners_rights(superuser: Connection) -> None:
    found: dict[str, set[str]] = {}
    for row in rows(
        superuser,
        """
        select p.proname as name, array_to_string(array(
          select a.grantee::regrole::text from aclexplode(p.proacl) as a where a.grantee <> p.proowner order by 1), ', ') as roles
        from pg_proc as p where p.pronamespace = 'dreamlit'::regnamespace and p.prosecdef
        """,
    ):
        found.setdefault(str(row["roles"]) or NOBODY, set()).add(str(row["name"]))
    assert definers_of_page() == found
