"""What must hold for every object of an installation, whoever adds the next one."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from pgmq.install import get_embedded_install_sql
from tests.helpers import Connection, column, rows, value

from dreamlit_pg import install, sources

SQL = sources.sql_folder()
OWN_SCHEMAS = "('dreamlit', 'dreamlit_workflows')"
UNPINNED = {
    "_now": "inlined, so that an index can serve due_at <= _now()",
    "_due_at": "inlined into the statement of a batch",
    "_check_path": "looks whether its caller is still pinned",
    "_outbox_queue": "inlined; names nothing",
    "_moment": "inlined into the looks of a worker and a claim",
    "_mark": "likewise",
    "_setting_defaults": "inlined; names nothing",
    "_verdict": "inlined into the statement of a report",
    "publish": "the definition's names mean what they mean to its publisher",
    "rollback": "likewise, for a version that was published before its path was stored",
    "attach_workflows": "likewise",
    "with_workflows_detached": "the migration's names mean what they mean to its caller",
    "preview_definition": "as publish",
    "work": "a procedure that commits cannot be pinned",
}
"""Functions that run under the caller's search_path, each named in full throughout."""

FUNCTIONS = {
    "dreamlit_sender": {
        *("claim", "report", "tick", "version"),
        *("record_engagement", "unsubscribe", "message_preferences", "set_message_preferences"),
        *("public_url", "metrics", "brand"),
    },
    "dreamlit_reader": {
        *("version", "settings", "steps", "triggers", "run_log", "version_diff", "preferences"),
        *("public_url", "metrics", "brand"),
    },
}
"""What a role may call that is public. dreamlit_admin may call everything else that is."""

VIEWS = {
    "workflows",
    "versions",
    "runs",
    "tasks",
    "messages",
    "attempts",
    "event_log",
    "health",
    "alerts",
    "activity",
    "rates",
    "topics",
    "engagement",
    "message_stats",
}


# Comments


def test_every_function_says_what_it_does(superuser: Connection) -> None:
    silent = column(
        superuser,
        "select p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace = 'dreamlit'::regnamespace and obj_description(p.oid, 'pg_proc') is null",
    )
    assert silent == []


def test_every_table_and_view_says_what_it_holds(superuser: Connection) -> None:
    silent = column(
        superuser,
        "select c.oid::regclass::text from pg_class c"
        " where c.relnamespace = 'dreamlit'::regnamespace and c.relkind in ('r', 'p', 'v')"
        " and not c.relispartition and obj_description(c.oid, 'pg_class') is null",
    )
    assert silent == []


def test_every_column_of_every_view_says_what_it_means(superuser: Connection) -> None:
    silent = column(
        superuser,
        "select format('%s.%s', c.relname, a.attname)"
        " from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'dreamlit'::regnamespace and c.relkind = 'v' and c.relname !~ '^_'"
        " and a.attnum > 0 and col_description(c.oid, a.attnum) is null",
    )
    assert silent == []


def test_types_schemas_and_roles_are_commented(superuser: Connection) -> None:
    silent = column(
        superuser,
        f"""
        select nspname::text from pg_namespace where nspname in {OWN_SCHEMAS}
          and obj_description(oid, 'pg_namespace') is null
        union all
        select rolname from pg_roles where rolname like 'dreamlit\\_%%'
          and shobj_description(oid, 'pg_authid') is null
        union all
        select t.typname from pg_type t join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
        where t.typnamespace = 'dreamlit'::regnamespace and obj_description(t.oid, 'pg_type') is null
        """,
    )
    assert silent == []


# Rights


def test_every_definer_function_pins_its_search_path(superuser: Connection) -> None:
    loose = column(
        superuser,
        "select p.oid::regprocedure::text from pg_proc p"
        " where p.pronamespace = 'dreamlit'::regnamespace and p.prosecdef"
        " and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)",
    )
    assert loose == []


def test_every_other_function_is_pinned_too_unless_it_has_a_reason(superuser: Connection) -> None:
    loose = column(
        superuser,
        "select p.proname from pg_proc p where p.pronamespace = 'dreamlit'::regnamespace"
        " and not coalesce(p.proconfig @> array['search_path=pg_catalog, pg_temp'], false)",
    )
    assert set(loose) == set(UNPINNED)


def test_nothing_is_granted_to_public(superuser: Connection) -> None:
    granted = column(
        superuser,
        f"""
        select what from (
          select p.oid::regprocedure::text as what, coalesce(p.proacl, acldefault('f', p.proowner)) as acl
          from pg_proc p where p.pronamespace in (select oid from pg_namespace where nspname in {OWN_SCHEMAS})
          union all
          select c.oid::regclass::text, c.relacl
          from pg_class c
          where c.relnamespace in (select oid from pg_namespace where nspname in {OWN_SCHEMAS})
             or (c.relname ~ 'dreamlit_' and c.relnamespace = 'pgmq'::regnamespace)
          union all
          select n.nspname, n.nspacl from pg_namespace n where n.nspname in {OWN_SCHEMAS}
        ) as o cross join lateral aclexplode(o.acl) as a where a.grantee = 0
        """,
    )
    assert granted == []


def test_functions_to_come_are_not_granted_to_public_either(superuser: Connection) -> None:
    superuser.execute("set role dreamlit_owner")
    superuser.execute("create function dreamlit.tomorrow() returns int language sql as 'select 1'")
    assert not value(
        superuser, "select has_function_privilege('tests_app', 'dreamlit.tomorrow()', 'execute')"
    )


def test_the_owner_owns_everything(superuser: Connection) -> None:
    strangers = column(
        superuser,
        f"""
        select p.oid::regprocedure::text from pg_proc p
        where p.pronamespace = 'dreamlit'::regnamespace and p.proowner <> 'dreamlit_owner'::regrole
        union all
        select c.oid::regclass::text from pg_class c
        where c.relnamespace = 'dreamlit'::regnamespace and c.relowner <> 'dreamlit_owner'::regrole
        union all
        select t.oid::regtype::text from pg_type t
        where t.typnamespace = 'dreamlit'::regnamespace and t.typowner <> 'dreamlit_owner'::regrole
        union all
        select nspname from pg_namespace
        where nspname in {OWN_SCHEMAS} and nspowner <> 'dreamlit_owner'::regrole
        """,
    )
    assert strangers == []


def test_the_owner_is_no_superuser_and_nobody_can_log_in_as_a_role_of_ours(superuser: Connection) -> None:
    found = rows(
        superuser,
        "select rolname, rolsuper, rolcanlogin, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles"
        " where rolname like 'dreamlit\\_%%' order by rolname",
    )
    assert [role.pop("rolname") for role in found] == [
        "dreamlit_admin",
        "dreamlit_owner",
        "dreamlit_reader",
        "dreamlit_sender",
    ]
    assert not any(any(role.values()) for role in found)


def _callable_by(superuser: Connection, role: str) -> set[str]:
    return set(
        column(
            superuser,
            "select p.proname from pg_proc p where p.pronamespace = 'dreamlit'::regnamespace"
            " and has_function_privilege(%s, p.oid, 'execute')",
            role,
        )
    )


@pytest.mark.parametrize("role", FUNCTIONS)
def test_sender_and_reader_may_call_only_what_they_need(superuser: Connection, role: str) -> None:
    private = {"_now", "_alert_text"} if role == "dreamlit_reader" else set()  # views call them
    assert _callable_by(superuser, role) == FUNCTIONS[role] | private


def test_admin_may_call_every_public_function_but_those_of_senders(superuser: Connection) -> None:
    every = set(
        column(superuser, "select proname from pg_proc where pronamespace = 'dreamlit'::regnamespace")
    )
    public = {name for name in every if not name.startswith("_")}
    assert {name for name in _callable_by(superuser, "dreamlit_admin") if not name.startswith("_")} == (
        public - (FUNCTIONS["dreamlit_sender"] - FUNCTIONS["dreamlit_reader"])
    )


def test_a_role_of_the_application_may_call_and_read_nothing(superuser: Connection) -> None:
    assert not value(superuser, "select has_schema_privilege('tests_app', 'dreamlit', 'usage')")
    assert not value(superuser, "select has_schema_privilege('tests_app', 'dreamlit_workflows', 'usage')")
    assert _callable_by(superuser, "tests_app") == set()
    assert _readable_by(superuser, "tests_app") == set()


def _readable_by(superuser: Connection, role: str) -> set[str]:
    return set(
        column(
            superuser,
            "select c.oid::regclass::text from pg_class c where c.relkind in ('r', 'p', 'v', 'S')"
            " and (c.relnamespace = 'dreamlit'::regnamespace or c.relname ~ 'dreamlit_')"
            " and case c.relkind when 'S' then has_sequence_privilege(%s, c.oid, 'select, usage, update')"
            " else has_table_privilege(%s, c.oid, 'select, insert, update, delete, truncate, trigger') end",
            role,
            role,
        )
    )


@pytest.mark.parametrize("role", ["dreamlit_admin", "dreamlit_reader"])
def test_admin_and_reader_read_the_views_and_no_table(superuser: Connection, role: str) -> None:
    assert _readable_by(superuser, role) == {f"dreamlit.{view}" for view in VIEWS}
    assert not any(
        value(
            superuser,
            "select has_table_privilege(%s, %s, 'insert, update, delete')",
            role,
            f"dreamlit.{view}",
        )
        for view in VIEWS
    )


def test_a_sender_reads_no_relation_at_all(superuser: Connection) -> None:
    assert _readable_by(superuser, "dreamlit_sender") == set()


@pytest.mark.parametrize("view", sorted(VIEWS))
def test_a_reader_can_read_each_view(reader: Connection, view: str) -> None:
    reader.execute(f"select * from dreamlit.{view}".encode())


def test_a_role_of_the_application_is_refused_at_the_door(app: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app.execute("select dreamlit.version()")


# Files


def _listed() -> list[str]:
    return re.findall(r"^\\ir (\S+)$", (SQL / "install.sql").read_text("utf-8"), re.MULTILINE)


def test_every_sql_file_is_listed_exactly_once() -> None:
    listed = _listed()
    apart = {"install.sql", "uninstall.sql"}
    files = {str(path.relative_to(SQL)) for path in SQL.rglob("*.sql")} - apart
    assert sorted(listed) == sorted(path for path in files if not path.startswith("migrations/"))


def test_a_function_stands_in_a_file_of_its_name(superuser: Connection) -> None:
    files = {path.stem for path in (SQL / "functions").rglob("*.sql")}
    functions = set(
        column(superuser, "select proname from pg_proc where pronamespace = 'dreamlit'::regnamespace")
    )
    assert files == functions


def test_a_view_and_a_table_stand_in_a_file_of_their_name(superuser: Connection) -> None:
    files = {path.stem for folder in ("tables", "views") for path in (SQL / folder).glob("*.sql")}
    relations = set(
        column(
            superuser,
            "select relname from pg_class where relnamespace = 'dreamlit'::regnamespace"
            " and relkind in ('r', 'p', 'v') and not relispartition",
        )
    )
    assert files == relations


def test_names_do_not_differ_by_arguments_only(superuser: Connection) -> None:
    twice = column(
        superuser,
        "select proname from pg_proc where pronamespace = 'dreamlit'::regnamespace"
        " group by 1 having count(*) > 1",
    )
    assert twice == []


def test_advisory_locks_do_not_collide(superuser: Connection) -> None:
    text = sources.install_script()
    names = set(re.findall(r"hashtext\('dreamlit'\), hashtext\('(\w+)'\)", text))
    assert {"install", "publish", "partitions"} <= names
    hashes = [value(superuser, "select hashtext(%s)", name) for name in names]
    assert len(set(hashes)) == len(names)
    ours = text.replace(get_embedded_install_sql(), "")
    assert not re.search(r"advisory\w*\((?!hashtext\('dreamlit'\), hashtext)", ours)


def test_all_times_come_from_the_clock_that_tests_replace() -> None:
    """clock_timestamp is for measuring; now() outside _now would not follow a test's clock."""
    asking = {
        path.name
        for path in (SQL / "functions").rglob("*.sql")
        if re.search(
            r"(?<![\w_])(?:now\(\)|current_timestamp|statement_timestamp\(\))", path.read_text("utf-8")
        )
    }
    assert asking == {
        "_now.sql",  # the clock
        "_enqueue.sql",  # in the user's transaction: when the change began
        "_launch_event.sql",  # likewise
        "rerun_runs.sql",  # likewise
        "set_setting.sql",  # a note for people
        "_examine_cron.sql",  # pg_cron's own notes, which follow the server's clock
    }


# Checkers

CAST = "an assignment that casts on purpose: a JSON literal, a number to text"
CHECK_EXCEPTIONS = {
    ("_compile_query", "error"): "p_step is a record, whose columns its caller settles",
    ("_compile_step", "error"): "p_step is a record, whose columns its caller settles",
    ("_probe", "error"): "the view that it reads is the one that it has just made",
    ("_recompile_as", "error"): "the function that it calls is the one that it has just made",
    ("_examine_cron", "error"): "reads pg_cron's tables where they are there",
    ("_compile_condition", "warning"): CAST,
    ("_compile_step", "warning"): CAST,
    ("_compile_trigger", "warning"): CAST,
    ("_compile_version", "warning"): CAST,
    ("_drop_old_partition", "warning"): CAST,
    ("_mark_started", "warning"): CAST,
    ("_post_alert", "warning"): CAST,
    ("_repeat_events", "warning"): CAST,
    ("_read_references", "warning"): CAST,
    ("_readable", "warning"): CAST,
}
NAMED = "%s is a name of a compiled object, quoted by _object_name"
CHECKED = "%s is what _compiled has checked: a function of ours, quoted by _object_name"
PUBLISHERS = "runs SQL as its caller, the publisher, whose SQL it is"
DYNAMIC_SQL = {
    "_advance_query": CHECKED,
    "_advance_trigger": CHECKED,
    "_advance_wait": CHECKED,
    "_check_payload": CHECKED,
    "_repeat_events": CHECKED,
    "_pass_condition": CHECKED,
    "_examine_functions": CHECKED,
    "_create_function": PUBLISHERS,
    "_create_item_function": PUBLISHERS,
    "_create_type": PUBLISHERS,
    "_probe": PUBLISHERS,
    "_run_ddl": PUBLISHERS,
    "with_workflows_detached": "runs its caller's migration as the caller",
    "_drop_pinning": "%s is a regprocedure",
    "_has_open_messages": "%I is one of our own queues",
    "_run_soon": PUBLISHERS,
    "_drop_compiled": NAMED,
}
"""Functions whose dynamic SQL plpgsql_check cannot see through, with the reason why it is safe."""

GUARDED = "prerequisites.sql refuses a schema that is not ours"
UNQUALIFIED = "unpinned to be inlined; only pinned functions may call it"
PGSPOT_EXCEPTIONS = {
    "PS010: Unsafe schema creation: dreamlit": GUARDED,
    "PS010: Unsafe schema creation: dreamlit_workflows": GUARDED,
    "PS005: Function without explicit search_path: dreamlit._now()": UNPINNED["_now"],
    "PS005: Function without explicit search_path: dreamlit.publish": UNPINNED["publish"],
    "PS005: Function without explicit search_path: dreamlit.rollback": UNPINNED["rollback"],
    "PS005: Function without explicit search_path: dreamlit.preview_definition": UNPINNED[
        "preview_definition"
    ],
    "PS005: Function without explicit search_path: dreamlit.attach_workflows": UNPINNED["attach_workflows"],
    "PS005: Function without explicit search_path: dreamlit.with_workflows_detached": UNPINNED[
        "with_workflows_detached"
    ],
    "PS005: Function without explicit search_path: dreamlit.work": UNPINNED["work"],
    "PS005: Function without explicit search_path: dreamlit._check_path": UNPINNED["_check_path"],
    "PS005: Function without explicit search_path: dreamlit._due_at": UNQUALIFIED,
    "PS005: Function without explicit search_path: dreamlit._verdict": UNQUALIFIED,
    "PS005: Function without explicit search_path: dreamlit._moment": UNQUALIFIED,
    "PS005: Function without explicit search_path: dreamlit._mark": UNQUALIFIED,
    "PS005: Function without explicit search_path: dreamlit._setting_defaults": UNQUALIFIED,
    "PS001: Unqualified operator: '/' in CAST(p_mark": UNQUALIFIED,
    "PS001: Unqualified operator: '*' in EXTRACT(EPOCH FROM p_moment": UNQUALIFIED,
    "PS001: Unqualified operator: '=' in p_outcome": UNQUALIFIED,
    "PS001: Unqualified operator: '=' in p_fault": UNQUALIFIED,
    "PS001: Unqualified operator: '=' in p_when_uncertain": UNQUALIFIED,
    "PS001: Unqualified operator: '>' in p_retry_after": UNQUALIFIED,
    "PS001: Unqualified operator: '>=' in p_attempts": UNQUALIFIED,
    "PS001: Unqualified operator: '+' in p_now": UNQUALIFIED,
    "PS001: Unqualified operator: '=' in p_step.kind": UNQUALIFIED,
    "PS001: Unqualified operator: '?' in p_step.settings": UNQUALIFIED,
    "PS001: Unqualified operator: '->>' in p_step.settings": UNQUALIFIED,
    "PS005: Function without explicit search_path: dreamlit._outbox_queue": UNQUALIFIED,
    "PS001: Unqualified operator: '||' in 'dreamlit_'": UNQUALIFIED,
}
"""Beginnings of pgspot's findings that are no faults here, with the reason."""


def _checked(superuser: Connection, levels: str) -> list[dict[str, object]]:
    superuser.execute("create extension plpgsql_check")
    return rows(
        superuser,
        f"""
        select p.proname as function, c.level, c.message
        from pg_proc p join pg_language l on l.oid = p.prolang
        cross join lateral plpgsql_check_function_tb(p.oid, coalesce(
          (select t.tgrelid from pg_trigger t where t.tgfoid = p.oid limit 1), 0), security_warnings => true) as c
        where p.pronamespace = 'dreamlit'::regnamespace and l.lanname = 'plpgsql' and c.level in ({levels})
        """,
    )


def test_plpgsql_check_finds_nothing(superuser: Connection) -> None:
    found = _checked(superuser, "'error', 'warning', 'warning extra'")
    assert [row for row in found if (row["function"], row["level"]) not in CHECK_EXCEPTIONS] == []
    assert CHECK_EXCEPTIONS.keys() <= {(row["function"], row["level"]) for row in found}


def test_dynamic_sql_stands_in_known_functions_only(superuser: Connection) -> None:
    found = _checked(superuser, "'security'")
    assert {str(row["function"]) for row in found} == DYNAMIC_SQL.keys()


def _pgspot(text: str, folder: Path, *words: str) -> list[str]:
    script = folder / "script.sql"
    script.write_text(text, "utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "pgspot"), *words, str(script)],
        check=False,
        capture_output=True,
        text=True,
    )
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    assert any(line.startswith("Errors: ") for line in lines), lines
    return [line for line in lines if line and not line.startswith("Errors: ")]


def test_pgspot_finds_nothing_in_the_printed_script(tmp_path: Path) -> None:
    """The bodies are left to plpgsql_check: they are pinned, and pgspot cannot read RETURN NEXT of a row."""
    found = _pgspot(install.script(), tmp_path, "--no-plpgsql")
    assert [line for line in found if not line.startswith(tuple(PGSPOT_EXCEPTIONS))] == []
    assert [start for start in PGSPOT_EXCEPTIONS if not any(line.startswith(start) for line in found)] == []


def test_pgspot_finds_nothing_in_what_the_installer_itself_runs(tmp_path: Path) -> None:
    lines = (SQL / "install.sql").read_text("utf-8").splitlines()
    own = [line for line in lines if not re.match(r"\\ir functions/|@@", line)]
    text = re.sub(
        r"^\\ir (\S+)$", lambda m: (SQL / m[1]).read_text("utf-8"), "\n".join(own), flags=re.MULTILINE
    )
    found = _pgspot(re.sub("@@pgmq_source@@", "''", text), tmp_path)
    assert [line for line in found if not line.startswith("PS010: ")] == []


def test_pgspot_finds_nothing_in_uninstall(tmp_path: Path) -> None:
    assert _pgspot((SQL / "uninstall.sql").read_text("utf-8"), tmp_path) == []


def test_squawk_passes_every_migration() -> None:
    """There may be none: the first release has no past."""
    migrations = sorted((SQL / "migrations").glob("*.sql"))
    assert all(re.fullmatch(r"\d{4}_[a-z]+_[a-z_]+\.sql", path.name) for path in migrations)
    if migrations:
        done = subprocess.run(
            [str(Path(sys.executable).parent / "squawk"), *map(str, migrations)],
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
