"""The SQL that publishing writes, under the same checkers as the SQL that we write."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers import Connection, column, email, publish, rows, slack

HARMLESS = {
    "target type is different type than source type": "the names of columns are a literal",
    "too few arguments for format()": "they come as one variadic array",
    'unused parameter "p_new"': "a workflow without a condition does not look at it",
}
"""Messages of plpgsql_check that are no faults here, with the reason."""

AWKWARD = '''"o'dd Table"'''


@pytest.fixture
def generated(admin: Connection) -> None:
    """Compiled functions of every kind, on tables with names that need quotes."""
    admin.execute(
        f'create table public.{AWKWARD} ("Id" integer primary key, "e""mail" text, n integer)'.encode()
    )
    admin.execute(
        "create table public.parts (id integer, email text, primary key (id)) partition by range (id)"
    )
    admin.execute("create table public.parts_1 partition of public.parts for values from (0) to (1000)")
    publish(
        admin,
        {
            "workflow": "awkward",
            "trigger": {
                "table": f"public.{AWKWARD}",
                "on": ["insert", "update", "delete"],
                "when": """new."e""mail" is not null or old.n > 1""",
                "key": 'coalesce(new."Id", old."Id")',
            },
            "steps": [
                {"id": "each", "query": f'select t.n from public.{AWKWARD} t where t."Id" = trigger."Id"'},
                {"id": "maybe", "if": "each.n > 1"},
                {"id": "nap", "wait": {"until": "now() + each.n * interval '1 day'"}},
                {"id": "every", "after": "trigger", "query": "select 1 as one", "collect": True},
                {"id": "tell", "slack": {"channel": "#all", "text": "{{ trigger.n }}"}},
            ],
        },
    )
    publish(
        admin,
        {
            "workflow": "parts",
            "trigger": {"table": "public.parts", "on": ["insert", "update", "delete"], "columns": ["email"]},
            "steps": [
                email(to="{{ trigger.email }}")
                | {"email": {"to": "{{ trigger.email }}", "subject": "x", "text": "x"}}
            ],
        },
    )
    publish(admin, {"workflow": "called", "trigger": {"call": {"name": "text"}}, "steps": [slack()]})


def test_every_generated_function_pins_its_path_unless_it_is_inlined(
    generated: None, superuser: Connection
) -> None:
    loose = rows(
        superuser,
        "select proname, prosecdef, lanname from pg_proc join pg_language l on l.oid = prolang"
        " where pronamespace = 'dreamlit_workflows'::regnamespace"
        " and not coalesce(proconfig @> array['search_path=pg_catalog, pg_temp'], false)",
    )
    # Conditions, keys and anchors: bodies that were parsed at publish, which no path can change.
    assert {re.sub(r"^(awkward|parts|called)_v1_", "", row["proname"]) for row in loose} == {
        "when",
        "key",
        "columns",
    }
    assert all(row["lanname"] == "sql" and not row["prosecdef"] for row in loose)


def test_every_generated_definer_belongs_to_the_publisher(generated: None, superuser: Connection) -> None:
    owners = column(
        superuser,
        "select distinct proowner::regrole::text from pg_proc where pronamespace = 'dreamlit_workflows'::regnamespace",
    )
    assert owners == ["tests_admin"]


def test_plpgsql_check_finds_nothing_in_generated_functions(generated: None, superuser: Connection) -> None:
    superuser.execute("create extension plpgsql_check")
    found = rows(
        superuser,
        """
        select p.proname as function, c.level, c.message
        from pg_proc as p join pg_language as l on l.oid = p.prolang
        left join pg_trigger as t on t.tgfoid = p.oid and t.tgparentid = 0
        cross join lateral plpgsql_check_function_tb(
          p.oid, coalesce(t.tgrelid, 0), oldtable => t.tgoldtable, newtable => t.tgnewtable, security_warnings => true) as c
        where p.pronamespace = 'dreamlit_workflows'::regnamespace and l.lanname = 'plpgsql'
          and c.level in ('error', 'warning', 'warning extra')
        """,
    )
    assert [row for row in found if str(row["message"]) not in HARMLESS] == []
    checked = column(
        superuser,
        "select count(*) from pg_proc p join pg_language l on l.oid = p.prolang"
        " where p.pronamespace = 'dreamlit_workflows'::regnamespace and l.lanname = 'plpgsql'",
    )
    assert checked == [8]  # six trigger functions, two event functions


def test_pgspot_finds_no_unpinned_definer_in_generated_functions(
    generated: None, superuser: Connection, tmp_path: Path
) -> None:
    script = tmp_path / "generated.sql"
    texts = column(
        superuser,
        "select pg_get_functiondef(p.oid) || ';' from pg_proc as p where p.pronamespace = 'dreamlit_workflows'::regnamespace and p.prosecdef",
    )
    assert len(texts) > 10
    # Bodies in the SQL standard's form are stored parsed: what they name is settled, and pgspot does not read them.
    text = re.sub(
        r"BEGIN ATOMIC.*?^\s*END\n?;", "AS 'select null';", "\n".join(texts), flags=re.DOTALL | re.MULTILINE
    )
    script.write_text(
        f"create schema dreamlit_workflows;\n{text}".replace("CREATE OR REPLACE", "CREATE"), "utf-8"
    )
    done = subprocess.run(
        [str(Path(sys.executable).parent / "pgspot"), "--no-plpgsql", str(script)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert "Unknown: 0" in done.stdout, done.stdout + done.stderr
    assert [
        line
        for line in done.stdout.splitlines()
        if re.match(r"PS\d+", line) and "schema creation" not in line
    ] == []
