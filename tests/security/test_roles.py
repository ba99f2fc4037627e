"""Each role from its own side: what it may do is written down here, everything else is tried and refused.

The functions that run with the engine's rights, and who may call them, are listed in docs/security.md; see test_page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from tests.conftest import Connect
from tests.contract.test_catalog import FUNCTIONS
from tests.helpers import (
    Connection,
    add_user,
    column,
    create_users,
    email,
    publish,
    rows,
    value,
    work,
    workflow,
)
from tests.install.conftest import NewDatabase, fresh_cluster, new_database
from tests.security.conftest import SUPABASE, as_role, make_role

from dreamlit_pg.install import install

__all__ = ["fresh_cluster", "new_database"]  # fixtures

OURS = "('dreamlit', 'dreamlit_workflows', 'pgmq')"
RELATIONS = f"""
select c.oid::regclass::text as name, c.relkind::text as kind
from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
where n.nspname in {OURS} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') order by 1
"""
EVERY_FUNCTION = f"""
select p.oid::regprocedure::text as signature, n.nspname || '.' || quote_ident(p.proname) as name, p.prokind::text as kind, p.prosecdef as definer,
  array(select format_type(a.type_id, null) from unnest(p.proargtypes) with ordinality as a(type_id, n) order by a.n) as arguments
from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
where n.nspname in {OURS} and p.prorettype <> 'trigger'::regtype and p.prokind <> 'a' order by 1
"""


@dataclass(frozen=True)
class Rights:
    """What a role may do in our schemas: everything that is not named here it may not."""

    schemas: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    """Functions of dreamlit by name."""
    every_other: bool = False
    """Also every public function that no other role has to itself, and private ones that run as their caller."""
    views: bool = False


SENDER = Rights(
    schemas=frozenset({"dreamlit"}),
    functions=frozenset(FUNCTIONS["dreamlit_sender"]),
)
READER = Rights(
    schemas=frozenset({"dreamlit", "dreamlit_workflows"}),
    # The views call these.
    functions=frozenset(FUNCTIONS["dreamlit_reader"] | {"_now", "_alert_text"}),
    views=True,
)
ADMIN = Rights(schemas=frozenset({"dreamlit", "dreamlit_workflows"}), every_other=True, views=True)
NOBODY = Rights()

RIGHTS = {
    "tests_admin": ADMIN,
    "tests_sender": SENDER,
    "tests_reader": READER,
    "tests_app": NOBODY,
    "tests_monitor": NOBODY,
    **dict.fromkeys(SUPABASE, NOBODY),
}
SENDERS_ALONE = FUNCTIONS["dreamlit_sender"] - FUNCTIONS["dreamlit_reader"]

Session = Callable[[str], Connection]


@pytest.fixture
def session(database: str, superuser: Connection) -> Iterator[Session]:
    """A session of a role by its full name; the schemas hold a published workflow and a message."""
    for role in SUPABASE:
        make_role(superuser, role)
    make_role(superuser, "tests_monitor", "in role pg_monitor")
    opened: list[Connection] = []

    def session(role: str) -> Connection:
        opened.append(as_role(database, role))
        return opened[-1]

    yield session
    for connection in opened:
        connection.close()


@pytest.fixture
def populated(admin: Connection, app: Connection, superuser: Connection) -> None:
    create_users(admin)
    publish(admin, workflow({"id": "each", "query": "select 1 as n"}, email(), when="new.email is not null"))
    add_user(app)
    work(superuser, 3)


def refused(connection: Connection, statement: str) -> bool:
    """Whether PostgreSQL says that this role may not; nothing is changed either way."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode())
    except psycopg.errors.InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False
    return False


def call(function: Mapping[str, Any]) -> str:
    """A call with nulls that the planner does not know, for it would not ask for rights on what it can leave out."""
    nulls = [
        "row(1)" if kind == "record" else f"null::{'integer' if kind.startswith('any') else kind}"
        for kind in function["arguments"]
    ]
    if function["kind"] == "p":
        return f"call {function['name']}({', '.join(nulls)})"
    names = [f"x.a{n}" for n in range(len(nulls))]
    columns = ", ".join(f"{null} as a{n}" for n, null in enumerate(nulls))
    return f"select {function['name']}({', '.join(names)}) from (select {columns} offset 0) as x"


def own(superuser: Connection, role: str, kind: str, name: str) -> bool:
    """Whether the object is the role's own, such as the compiled functions of a publisher."""
    catalog, owner = {"function": ("pg_proc", "proowner"), "relation": ("pg_class", "relowner")}[kind]
    cast = "regprocedure" if kind == "function" else "regclass"
    return bool(
        value(
            superuser,
            f"select {owner}::regrole::text = %s from {catalog} where oid = %s::{cast}",
            role,
            name,
        )
    )


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_enters_its_schemas_only(session: Session, superuser: Connection, role: str) -> None:
    entered = column(
        superuser,
        f"select nspname::text from pg_namespace where nspname in {OURS} and has_schema_privilege(%s, oid, 'usage')",
        role,
    ) if role != "tests_monitor" else []  # fmt: skip
    created = column(
        session(role),
        f"select nspname::text from pg_namespace where nspname in {OURS} and has_schema_privilege(oid, 'create')",
    )
    assert set(entered) == RIGHTS[role].schemas
    assert set(created) == ({"dreamlit_workflows"} if role == "tests_admin" else set())


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_reads_the_views_it_may_and_nothing_else(
    session: Session, populated: None, superuser: Connection, role: str
) -> None:
    connection = session(role)
    readable = set()
    for relation in rows(superuser, RELATIONS):
        if not refused(connection, f"select * from {relation['name']} limit 1"):
            readable.add(relation["name"])
    views = set(
        column(
            superuser,
            "select oid::regclass::text from pg_class where relnamespace = 'dreamlit'::regnamespace"
            " and relkind = 'v' and relname !~ '^_'",
        )
    )
    # pgmq lets pg_monitor see its own bookkeeping, which names queues and holds nobody's data.
    bookkeeping = {"pgmq.meta", "pgmq.notify_insert_throttle", "pgmq.topic_bindings"}
    sequences = {name for name in readable if name.startswith("pgmq.") and name.endswith("_seq")}
    if role == "tests_monitor":
        readable -= bookkeeping | sequences
    assert readable == (views if RIGHTS[role].views else set())


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_writes_into_no_table_view_or_sequence_of_ours(
    session: Session, populated: None, superuser: Connection, role: str
) -> None:
    connection = session(role)
    written = []
    for relation in rows(superuser, RELATIONS):
        name, kind = relation["name"], relation["kind"]
        if kind == "S":
            statements = [f"select nextval('{name}')", f"select setval('{name}', 1)"]
        else:
            statements = [
                f"drop {'view' if kind == 'v' else 'table'} {name}",
                f"alter table {name} rename to mine",
                f"create trigger mine after insert on {name} for each statement execute function tsvector_update_trigger()",
            ]
        if kind in ("r", "p"):
            first = value(
                superuser,
                "select quote_ident(attname) from pg_attribute where attrelid = %s::regclass and attnum = 1",
                name,
            )
            statements += [
                f"insert into {name} ({first}) overriding user value select null limit 0",
                f"update {name} set {first} = default where false",
                f"delete from {name} where false",
                f"truncate {name}",
                f"lock table {name} in access exclusive mode",
            ]
        if kind == "v":  # most of them take no writes from anybody
            verbs = "insert, update, delete, truncate, references, trigger"
            assert not value(superuser, "select has_table_privilege(%s, %s, %s)", role, name, verbs)
        written += [statement for statement in statements if not refused(connection, statement)]
    assert written == []


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_calls_the_functions_it_may_and_no_other(
    session: Session, populated: None, superuser: Connection, role: str
) -> None:
    """Each function that is not the role's is really called, with nulls; rights are checked before anything runs."""
    connection, rights = session(role), RIGHTS[role]
    called = set()
    for function in rows(superuser, EVERY_FUNCTION):
        plain = function["name"].removeprefix("dreamlit.")
        in_dreamlit = function["name"] != plain
        private = plain.startswith("_")
        allowed = in_dreamlit and (
            plain in rights.functions
            or (rights.every_other and not private and plain not in SENDERS_ALONE)
            or (rights.every_other and private and not function["definer"])
        )
        # pg_monitor may call pgmq's functions, which run as their caller and find no table of ours to read.
        elsewhere = role == "tests_monitor" and not in_dreamlit
        if allowed or elsewhere or own(superuser, role, "function", function["signature"]):
            continue
        if not refused(connection, call(function)):
            called.add(plain)
    called -= {"_enqueue", "_readable"} if role == "tests_admin" else set()  # for it has published
    # Definers that admins need: docs/security.md says why, and test_page compares it with the catalog.
    definers = set(
        column(
            superuser,
            "select proname from pg_proc where pronamespace = 'dreamlit'::regnamespace and prosecdef"
            " and proname ~ '^_' and has_function_privilege('dreamlit_admin', oid, 'execute')",
        )
    )
    assert called - (definers if rights.every_other else set()) == set()


@pytest.mark.parametrize("role", ["tests_sender", "tests_reader"])
def test_sender_and_reader_can_call_what_they_may(
    session: Session, populated: None, superuser: Connection, role: str
) -> None:
    callable_by = column(
        superuser,
        "select distinct proname::text from pg_proc where pronamespace = 'dreamlit'::regnamespace"
        " and has_function_privilege(%s, oid, 'execute')",
        role,
    )
    assert set(callable_by) == RIGHTS[role].functions


def test_the_names_of_group_roles_cannot_be_taken_on(session: Session) -> None:
    taken = [
        (role, group)
        for role in RIGHTS
        for group in ("dreamlit_owner", "dreamlit_admin", "dreamlit_sender", "dreamlit_reader", "postgres")
        if not refused(session(role), f"set role {group}")
    ]
    assert taken == [
        ("tests_admin", "dreamlit_admin"),
        ("tests_sender", "dreamlit_sender"),
        ("tests_reader", "dreamlit_reader"),
    ]


def test_a_mistaken_grant_on_our_schemas_opens_none_of_the_objects_in_them(
    session: Session, populated: None, superuser: Connection
) -> None:
    """As when a schema is exposed to an API: usage, and no more."""
    superuser.execute("grant usage on schema dreamlit, dreamlit_workflows, pgmq to anon, tests_app")
    for role in ("anon", "tests_app"):
        connection = session(role)
        open_relations = [
            relation["name"]
            for relation in rows(superuser, RELATIONS)
            if not refused(connection, f"select from {relation['name']}")
        ]
        open_functions = column(
            superuser,
            "select oid::regprocedure::text from pg_proc where pronamespace in ('dreamlit'::regnamespace, 'dreamlit_workflows'::regnamespace)"
            " and has_function_privilege(%s, oid, 'execute')",
            role,
        )
        assert (open_relations, open_functions) == ([], [])


def test_an_application_that_uses_pgmq_itself_cannot_touch_our_queues(
    session: Session, populated: None, superuser: Connection
) -> None:
    superuser.execute("grant usage on schema pgmq to tests_app")
    connection = session("tests_app")
    done = [
        statement
        for statement in (
            "select pgmq.send('dreamlit_events', '{}'::jsonb)",
            "select pgmq.read('dreamlit_email_bulk', 0, 1)",
            "select pgmq.pop('dreamlit_email_bulk')",
            "select pgmq.archive('dreamlit_email_bulk', 1)",
            "select pgmq.purge_queue('dreamlit_email_bulk')",
            "select pgmq.drop_queue('dreamlit_email_bulk')",
        )
        if not refused(connection, statement)
    ]
    assert done == []


def test_those_who_monitor_the_server_do_not_read_what_waits_in_our_queues(superuser: Connection) -> None:
    readable = column(
        superuser,
        "select oid::regclass::text from pg_class where relname ~ '^[qa]_dreamlit_' and relkind = 'r'"
        " and has_table_privilege('pg_monitor', oid, 'select')",
    )
    assert readable == []


# As Supabase sets a database up before anybody installs anything


@pytest.fixture
def supabase(new_database: NewDatabase) -> Iterator[str]:
    """A database with Supabase's roles and default privileges, where we were installed afterwards."""
    dsn = new_database()
    with psycopg.connect(dsn, autocommit=True) as superuser:
        for role in SUPABASE:
            make_role(superuser, role, "bypassrls" if role == "service_role" else "")
        everyone = ", ".join(SUPABASE)
        superuser.execute(f"grant usage on schema public to {everyone}".encode())
        for kind in ("tables", "functions", "sequences"):
            for place in ("in schema public", ""):  # the second is more than Supabase does
                superuser.execute(
                    f"alter default privileges {place} grant all on {kind} to {everyone}".encode()
                )
    install(dsn)
    yield dsn
    with psycopg.connect(dsn, autocommit=True) as superuser:
        for role in SUPABASE:
            superuser.execute(f"drop owned by {role}".encode())


@pytest.mark.parametrize("role", SUPABASE)
def test_supabases_default_privileges_open_nothing_of_ours(supabase: str, role: str) -> None:
    with psycopg.connect(supabase) as superuser, as_role(supabase, role) as connection:
        reached = [
            relation["name"]
            for relation in rows(superuser, RELATIONS)
            if not refused(connection, f"select from {relation['name']}")
        ]
        executable = column(
            superuser,
            "select oid::regprocedure::text from pg_proc where pronamespace = 'dreamlit'::regnamespace"
            " and has_function_privilege(%s, oid, 'execute')",
            role,
        )
        assert (reached, executable) == ([], [])
        assert refused(connection, "select dreamlit.version()")
        assert refused(connection, "select pgmq.send('dreamlit_events', '{}'::jsonb)")


# Publishing


@pytest.mark.parametrize("role", ["tests_app", "tests_sender", "tests_reader"])
def test_who_is_no_admin_cannot_publish(session: Session, admin: Connection, role: str) -> None:
    create_users(admin)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        publish(session(role), workflow(email()))


def test_publishing_without_rights_on_the_table_fails_and_grants_nothing(
    mallory: Connection, admin: Connection, superuser: Connection
) -> None:
    create_users(admin)
    acl = "select relacl::text from pg_class where oid = 'public.users'::regclass"
    before = value(superuser, acl)
    with pytest.raises(psycopg.Error) as raised:
        publish(mallory, workflow(email()))
    assert raised.value.sqlstate == "DL001"
    assert "tests_mallory may not put a trigger on public.users" in str(raised.value.diag.message_detail)
    assert value(superuser, acl) == before
    assert not value(
        superuser,
        "select has_function_privilege('tests_mallory', 'dreamlit._enqueue(bigint, text, jsonb)', 'execute')",
    )
    made = "select tgname from pg_trigger where not tgisinternal and tgrelid <> 'dreamlit._detached_versions'::regclass"
    assert column(superuser, made) == []


@pytest.mark.parametrize(
    "step",
    [
        {"id": "each", "query": "select count(*) as n from public.secrets"},
        {"id": "each", "if": "exists (select from public.secrets)"},
        {"id": "each", "wait": {"until": "(select now() from public.secrets)"}},
    ],
    ids=["query", "if", "until"],
)
def test_publishing_sql_that_the_publisher_may_not_run_fails_and_grants_nothing(
    mallory: Connection, superuser: Connection, step: dict[str, object]
) -> None:
    superuser.execute("create table public.secrets (n integer)")
    with pytest.raises(psycopg.Error) as raised:
        publish(
            mallory,
            {"workflow": "lure", "trigger": {"table": "lair.bait", "on": "insert"}, "steps": [step]},
        )
    assert raised.value.sqlstate == "DL001"
    assert "permission denied for table secrets" in str(raised.value.diag.message_detail)
    assert (
        column(
            superuser, "select proname from pg_proc where pronamespace = 'dreamlit_workflows'::regnamespace"
        )
        == []
    )


def test_a_publisher_is_granted_to_enqueue_and_nothing_else(
    mallory: Connection, superuser: Connection, connect: Connect
) -> None:
    publish(
        mallory,
        {
            "workflow": "lure",
            "trigger": {"table": "lair.bait", "on": "insert"},
            "steps": [{"id": "tell", "slack": {"channel": "#all", "text": "x"}}],
        },
    )
    granted = column(
        superuser,
        """
        select n.nspname || ' ' || a.privilege_type from pg_namespace as n, aclexplode(n.nspacl) as a
        where a.grantee = 'tests_mallory'::regrole and n.nspname like 'dreamlit%%'
        union all
        select p.oid::regprocedure || ' ' || a.privilege_type from pg_proc as p, aclexplode(p.proacl) as a
        where a.grantee = 'tests_mallory'::regrole and p.pronamespace = 'dreamlit'::regnamespace
        union all
        select c.oid::regclass || ' ' || a.privilege_type from pg_class as c, aclexplode(c.relacl) as a
        where a.grantee = 'tests_mallory'::regrole and c.relnamespace::regnamespace::text in ('dreamlit', 'pgmq')
        order by 1
        """,
    )
    assert granted == [
        "dreamlit USAGE",
        "dreamlit._enqueue(bigint,text,jsonb) EXECUTE",
        "dreamlit._readable(anyelement) EXECUTE",
        "dreamlit._same_names(oid,integer[],name[]) EXECUTE",
        "dreamlit_workflows USAGE",
    ]
