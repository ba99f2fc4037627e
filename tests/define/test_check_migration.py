"""A migration is run, told apart and rolled back: what follows, what is blocked, what breaks, and the way through."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.conftest import DsnOf
from tests.helpers import Connection, column, publish, shift_clock, value, wait_until, work

from dreamlit_pg.errors import DreamlitError
from dreamlit_pg.migration_check import Checked, Report, check_migration, split

pytestmark = pytest.mark.usefixtures("published")

Check = Callable[[str], Report]

TELL = {"id": "tell", "slack": {"text": "{{ trigger.email }} {{ friend.name }}"}}
FRIEND = {"id": "friend", "query": "select f.name from public.friends f where f.user_id = trigger.id"}


def _watching(*steps: dict[str, object]) -> dict[str, object]:
    trigger = {"table": "public.users", "on": ["insert", "update"], "columns": ["email"]}
    return {"workflow": "w", "trigger": trigger, "steps": list(steps)}


@pytest.fixture
def published(admin: Connection, tables: None) -> None:
    publish(admin, _watching(FRIEND, TELL))


@pytest.fixture
def check(dsn_of: DsnOf) -> Check:
    """Checks a migration as the role that publishes and migrates."""
    return lambda migration: check_migration(dsn_of("admin"), migration)


def _only(report: Report) -> Checked:
    assert [(found.workflow, found.version) for found in report.workflows] == [("w", 1)]
    return report.workflows[0]


# Statements


def test_statements_are_told_apart_with_their_lines() -> None:
    text = (
        "-- one; two\nbegin;\n\n/* a /* nested; */ comment */\nselect ';', $x$ ; $x$; select 2;\n"
        "create function f() returns int language sql begin atomic select 1; select 2; end;\n"
        "do $$ begin perform 1; end $$;\ncommit;\n-- the end\n"
    )
    assert list(split(text)) == [
        (2, "begin;"),
        (5, "select ';', $x$ ; $x$;"),
        (5, "select 2;"),
        (6, "create function f() returns int language sql begin atomic select 1; select 2; end;"),
        (7, "do $$ begin perform 1; end $$;"),
        (8, "commit;"),
    ]


def test_nothing_stays_of_a_migration(check: Check, admin: Connection) -> None:
    report = check(
        "begin; create table public.new (n int); alter table public.users drop column done; commit;"
    )
    assert report.ok
    assert [statement.state for statement in report.statements] == ["skipped", "ran", "ran", "skipped"]
    assert value(admin, "select to_regclass('public.new')") is None
    assert value(admin, "select count(done) from public.users") == 0


@pytest.mark.parametrize(
    "statement",
    [
        "/* a /* nested */ comment */ commit",
        "do $$ begin create table public.kept (n int); commit; end $$",
        "create procedure public.keep() language plpgsql as $$ begin commit; end $$; call public.keep()",
    ],
)
def test_a_commit_in_disguise_commits_nothing(check: Check, admin: Connection, statement: str) -> None:
    check(f"create table public.kept_too (n int); {statement};")
    assert value(admin, "select to_regclass('public.kept')") is None
    assert value(admin, "select to_regclass('public.kept_too')") is None


@pytest.mark.parametrize(
    "statement",
    [
        "create index concurrently on public.users (email)",
        "vacuum public.users",
        "\\set x 1",
        "copy public.users from stdin",
    ],
)
def test_what_cannot_run_in_a_transaction_is_said_to_be_unexamined(check: Check, statement: str) -> None:
    report = check(f"select 1;\n{statement};\nselect 2;")
    assert [found.state for found in report.statements] == ["ran", "not examined", "ran"]
    assert report.statements[1].line == 2
    assert report.ok


def test_a_statement_that_fails_by_itself_is_told_and_the_rest_goes_on(check: Check) -> None:
    report = check("alter table public.users drop column none;\nalter table public.users rename to people;")
    assert [(found.state, found.message) for found in report.statements] == [
        ("failed", 'column "none" of relation "users" does not exist'),
        ("ran", None),
    ]
    assert not report.ok


def test_a_lock_is_waited_for_only_so_long(dsn_of: DsnOf, connect: Callable[..., Connection]) -> None:
    other = connect("app", autocommit=False)
    other.execute("insert into public.users (id) values (1)")
    report = check_migration(
        dsn_of("admin"), "alter table public.users drop column done", lock_timeout="50ms"
    )
    assert [found.message for found in report.statements] == ["canceling statement due to lock timeout"]


def test_forgetting_to_attach_is_found(check: Check) -> None:
    report = check("select dreamlit.detach_workflows('public.users');")
    assert report.statements[-1].message == "version 1 of workflow w is detached"
    assert "attach_workflows" in str(report.statements[-1].way)
    assert not report.ok


def test_a_database_without_dreamlit_is_told_so(cluster: object, dsn_of: DsnOf) -> None:
    with pytest.raises(DreamlitError):
        check_migration(dsn_of("app"), "select 1")


# Follows


@pytest.mark.parametrize(
    ("migration", "fact", "place"),
    [
        ("alter table public.users rename column email to mail", "public.users.email is now public.users.mail", "trigger"),
        ("alter table public.friends rename column name to label", "public.friends.name is now public.friends.label", "steps[friend].query"),
        ("alter table public.users rename to people", "public.users is now public.people", "trigger"),
        ("create schema app; alter table public.friends set schema app", "public.friends is now app.friends", "steps[friend].query"),
    ],
)  # fmt: skip
def test_a_rename_is_followed_and_told(check: Check, migration: str, fact: str, place: str) -> None:
    report = check(f"select 1;\n\n{migration};")
    found = _only(report)
    assert report.ok
    assert found.verdict == "follows"
    assert (found.findings[0].line, found.findings[0].place, found.findings[0].fact) == (3, place, fact)


@pytest.mark.parametrize(
    "migration",
    [
        "alter table public.users add column extra int not null default 3",
        "alter table public.users drop column done",
        "create index on public.users (email)",
        "set role tests_admin; alter table public.users alter column first_name type varchar(9)",
    ],
)
def test_what_does_not_concern_a_workflow_leaves_it_untouched(check: Check, migration: str) -> None:
    report = check(migration)
    assert report.ok
    assert (_only(report).verdict, _only(report).findings) == ("untouched", [])


# Blocked


@pytest.mark.parametrize(
    ("statement", "place", "table"),
    [
        ("alter table public.users alter column id type int", "trigger", "public.users"),
        ("alter table public.users alter column email type varchar(100)", "trigger", "public.users"),
        ("alter table public.friends alter column user_id type int", "steps[friend].query", "public.friends"),
    ],
)
def test_a_type_change_is_blocked_and_its_way_through_works(
    check: Check,
    admin: Connection,
    app: Connection,
    superuser: Connection,
    statement: str,
    place: str,
    table: str,
) -> None:
    report = check(f"select 1;\n{statement};")
    found = _only(report)
    assert (found.verdict, not report.ok) == ("blocked", True)
    finding = found.findings[0]
    assert (finding.line, finding.place) == (2, place)
    assert finding.fact.startswith("cannot alter type of a column used")
    assert (
        finding.way
        == f"select * from dreamlit.with_workflows_detached('{table}', $migration$ {statement} $migration$)"
    )
    admin.execute(finding.way.encode())
    assert check(finding.way + ";").ok
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    admin.execute("insert into public.friends values (1, null, 'Bob')")
    work(superuser, 3)
    assert column(superuser, "select content ->> 'text' from dreamlit.messages") == ["ann@example.com Bob"]


def test_every_version_that_pins_the_column_is_told(
    check: Check, admin: Connection, app: Connection, superuser: Connection
) -> None:
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    publish(
        admin, _watching({"id": "nap", "wait": "1 day"}, TELL | {"slack": {"text": "{{ trigger.email }}"}})
    )
    publish(
        admin,
        {**_watching(FRIEND), "workflow": "other", "trigger": {"table": "public.users", "on": "insert"}},
    )
    report = check("alter table public.users alter column email type varchar(100)")
    verdicts = {(found.workflow, found.version): found.verdict for found in report.workflows}
    assert verdicts == {("w", 1): "blocked", ("w", 2): "blocked", ("other", 1): "untouched"}


def test_what_comes_after_a_blocked_statement_is_checked_as_if_it_had_gone_through(check: Check) -> None:
    report = check(
        "alter table public.users alter column email type varchar(10);\n"
        "insert into public.users (id, email) values (1, 'far too long for it');"
    )
    assert [found.state for found in report.statements] == ["blocked", "failed"]
    assert "too long" in str(report.statements[1].message)


def test_a_dropped_column_wants_a_definition_without_it_first(
    check: Check, admin: Connection, app: Connection, superuser: Connection
) -> None:
    statement = "alter table public.users drop column email"
    finding = _only(check(statement)).findings[0]
    assert finding.fact == "cannot drop column email of table users because other objects depend on it"
    first, _, then = finding.way.partition("; then: ")
    assert first.startswith("first publish a definition that does without it")
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    without = {**_watching(FRIEND, {"id": "tell", "slack": {"text": "{{ friend.name }}"}})}
    publish(admin, {**without, "trigger": {"table": "public.users", "on": "insert"}})
    admin.execute(then.encode())
    admin.execute("insert into public.friends values (1, null, 'Bob')")
    work(superuser, 3)
    assert column(superuser, "select content ->> 'text' from dreamlit.messages") == ["ann@example.com Bob"]


def test_runs_of_an_old_version_that_reads_it_are_to_be_moved_first(
    check: Check, admin: Connection, app: Connection, superuser: Connection
) -> None:
    nap = {"id": "nap", "wait": "1 day"}
    publish(admin, _watching(nap, FRIEND, TELL))
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    work(superuser)
    without = [nap, {"id": "tell", "slack": {"text": "{{ trigger.email }} {{ trigger.id }}"}}]
    publish(admin, _watching(*without))
    statement = "drop table public.friends"
    report = check(statement)
    old = next(found for found in report.workflows if found.version == 2)
    assert (old.state, old.verdict) == ("draining", "blocked")
    first, _, then = old.findings[0].way.partition("; then: ")
    assert first == "first move its runs on, or wait for their end: dreamlit migrate-runs w 2"
    admin.execute("select dreamlit.migrate_runs('w', 2)")
    admin.execute(then.encode())
    shift_clock(superuser, "2 days")
    work(superuser, 3)
    assert column(superuser, "select content ->> 'text' from dreamlit.messages") == ["ann@example.com 1"]


def test_a_version_kept_for_failed_runs_is_to_be_retired_first(
    check: Check, admin: Connection, app: Connection, superuser: Connection
) -> None:
    fails = {"id": "bad", "query": "select 1 / (trigger.id - 1) as n from public.friends f", "attempts": 1}
    publish(admin, _watching(fails))
    admin.execute("insert into public.friends values (1, null, 'Bob')")
    app.execute("insert into public.users (id, email) values (1, 'ann@example.com')")
    work(superuser, 2)
    publish(admin, _watching({"id": "nap", "wait": "1 day"}))
    report = check("drop table public.friends")
    kept = next(found for found in report.workflows if found.version == 2)
    assert (kept.state, kept.verdict) == ("retained", "blocked")
    first, _, then = kept.findings[0].way.partition("; then: ")
    assert first == "first give up its failed runs: dreamlit retire w 2"
    wait_until(lambda: value(admin, "select dreamlit.retire_version('w', 2)") == "retired")
    admin.execute(then.encode())


# Broken


@pytest.mark.parametrize(
    ("migration", "fact"),
    [
        ("alter table public.users drop column email cascade", "a captured column has been dropped"),
        ("drop table public.friends cascade", "step friend cannot run"),
        ("drop table public.users cascade", "its trigger on insert is gone"),
        ("alter table public.users disable trigger all", "its trigger on insert is disabled"),
        ("revoke select on public.friends from tests_admin", "step friend cannot run: permission denied"),
        (
            (
                "create table public.everybody (like public.users) partition by list (id);\n"
                "alter table public.users drop constraint users_pkey;\n"
                "alter table public.everybody attach partition public.users default"
            ),
            "has become a partition or a parent",
        ),
    ],
)
def test_what_breaks_a_workflow_is_told_with_its_line(check: Check, migration: str, fact: str) -> None:
    report = check(f"select 1;\n{migration};")
    found = _only(report)
    assert (found.verdict, report.ok) == ("broken", False)
    finding = next(finding for finding in found.findings if fact in finding.fact)
    assert finding.line == 2 + migration.count("\n")
    assert finding.way


def test_what_is_mended_in_the_same_migration_is_not_broken(check: Check) -> None:
    report = check(
        "alter table public.users disable trigger all;\nalter table public.users enable trigger all;"
    )
    assert (report.ok, _only(report).verdict) == (True, "untouched")


def test_what_was_broken_before_is_not_the_migrations_fault(check: Check, admin: Connection) -> None:
    admin.execute("alter table public.users disable trigger all")
    assert check("select 1").ok
