"""Publishing, versions, and what becomes of a workflow."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.conftest import Connect
from tests.define.conftest import Definition, spoil
from tests.helpers import Connection, column, let_unused_versions_go, publish, rows, value, work

pytestmark = pytest.mark.usefixtures("tables")

COMPILED = "select count(*) from pg_proc where pronamespace = 'dreamlit_workflows'::regnamespace"


def test_the_same_definition_is_no_new_version(admin: Connection, welcome: Definition) -> None:
    publish(admin, welcome)
    assert rows(admin, "select * from dreamlit.publish(%s)", Jsonb(welcome)) == [
        {"workflow": "welcome", "version": 1, "changed": False}
    ]


def test_a_changed_definition_is_the_next_version(admin: Connection, welcome: Definition) -> None:
    publish(admin, welcome)
    assert publish(admin, spoil(welcome, "steps.1.wait", "4 days")) == 2
    assert value(admin, "select version from dreamlit.workflows") == 2


def test_a_version_without_runs_goes_when_it_is_replaced(
    admin: Connection, welcome: Definition, superuser: Connection
) -> None:
    publish(admin, welcome)
    compiled = value(superuser, COMPILED)
    publish(admin, spoil(welcome, "steps.1.wait", "4 days"))
    assert value(superuser, "select dreamlit._drop_unused_versions()") == 0, "it is only marked as unused"
    let_unused_versions_go(superuser)
    assert value(superuser, COMPILED) == compiled
    assert column(superuser, "select compiled from dreamlit._versions order by version") == [False, True]


def test_the_trigger_is_kept_through_versions(admin: Connection, welcome: Definition) -> None:
    publish(admin, welcome)
    before = column(admin, "select oid from pg_trigger where tgname like 'dreamlit%%'")
    publish(admin, spoil(welcome, "steps.1.wait", "4 days"))
    assert column(admin, "select oid from pg_trigger where tgname like 'dreamlit%%'") == before


def test_triggers_follow_the_operations_and_the_table(admin: Connection, welcome: Definition) -> None:
    def triggers() -> list[str]:
        return column(admin, "select trigger from dreamlit.triggers('welcome')")

    spoil(welcome, "trigger.when", None)
    publish(admin, spoil(welcome, "trigger.on", ["insert", "update"]))
    assert triggers() == ["insert on public.users", "update on public.users"]
    publish(admin, spoil(welcome, "trigger.on", "delete"))
    assert triggers() == ["delete on public.users"]
    admin.execute("create table public.others (like public.users including all)")
    publish(admin, spoil(welcome, "trigger.table", "public.others"))
    assert triggers() == ["delete on public.others"]


def test_publishing_in_a_transaction_that_rolls_back_leaves_nothing(
    connect: Connect, welcome: Definition, superuser: Connection
) -> None:
    admin = connect("admin", autocommit=False)
    publish(admin, welcome)
    admin.rollback()
    assert value(superuser, "select count(*) from dreamlit._workflows") == 0
    assert value(superuser, COMPILED) == 0


def test_another_role_may_not_take_a_workflow_over(
    admin: Connection, welcome: Definition, superuser: Connection
) -> None:
    publish(admin, welcome)
    with pytest.raises(psycopg.Error) as raised:
        publish(superuser, spoil(welcome, "steps.1.wait", "4 days"))
    assert raised.value.sqlstate == "DL003"
    assert raised.value.diag.message_hint == "set role tests_admin, or unpublish the workflow first"


def test_publishing_grants_nothing_on_the_users_tables(
    admin: Connection, welcome: Definition, superuser: Connection
) -> None:
    before = column(
        superuser,
        "select relacl::text from pg_class where relnamespace = 'public'::regnamespace order by oid",
    )
    publish(admin, welcome)
    assert before == column(
        superuser,
        "select relacl::text from pg_class where relnamespace = 'public'::regnamespace order by oid",
    )
    functions = "select proacl::text from pg_proc where pronamespace = 'dreamlit_workflows'::regnamespace"
    assert all("{=" not in acl and ",=" not in acl for acl in column(superuser, functions))


def test_names_and_operators_mean_what_they_mean_to_the_publisher(
    admin: Connection, welcome: Definition, app: Connection, superuser: Connection
) -> None:
    admin.execute("create schema mine")
    admin.execute(
        "create function mine.same(text, text) returns boolean language sql as 'select lower($1) = lower($2)'"
    )
    admin.execute("create operator mine.=== (leftarg = text, rightarg = text, function = mine.same)")
    admin.execute("create table mine.settings (on_duty boolean)")
    admin.execute("insert into mine.settings values (true)")
    admin.execute("set search_path = mine, public")
    spoil(welcome, "trigger.when", "new.email === 'ANN@example.com' and (select on_duty from settings)")
    publish(admin, spoil(welcome, "trigger.table", "users"))
    app.execute("insert into public.users values (1, 'ann@Example.com'), (2, 'bob@example.com')")
    work(superuser)
    assert column(superuser, "select payload #>> '{trigger,id}' from dreamlit.runs") == ["1"]


def test_a_collected_query_is_a_list_in_sql_and_in_templates(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    publish(
        admin,
        {
            "workflow": "w",
            "trigger": {"table": "public.users", "on": "insert"},
            "steps": [
                {"id": "all_friends", "collect": True, "query": "select f.name from public.friends f where f.user_id = trigger.id order by 1"},
                {"id": "numbers", "query": "select cardinality(all_friends.items) as n, (all_friends.items)[1].name as first"},
                {"id": "tell", "slack": {"text": "{{ numbers.n }} {{ numbers.first }}: {% for f in all_friends %}{{ f.name }},{% endfor %}"}},
            ],
        },
    )  # fmt: skip
    admin.execute("insert into public.friends values (1, null, 'Ann'), (1, null, 'Bob')")
    app.execute("insert into public.users values (1), (2)")
    work(superuser, 4)
    found = sorted(column(superuser, "select content ->> 'text' from dreamlit.messages"))
    assert found == ["0 : ", "2 Ann: Ann,Bob,"]


def test_a_workflow_that_is_only_called(admin: Connection, superuser: Connection) -> None:
    publish(
        admin,
        {
            "workflow": "receipt",
            "trigger": {"call": {"email": "text", "amount": "numeric"}, "key": "trigger.email"},
            "steps": [{"id": "tell", "slack": {"text": "{{ trigger.email }} {{ trigger.amount }}"}}],
        },
    )
    assert (
        value(admin, """select dreamlit.start('receipt', '{"email": "a@example.com", "amount": 19.90}')""")
        == 1
    )
    with pytest.raises(psycopg.Error, match="has an open run with the key"):
        admin.execute("""select dreamlit.start('receipt', '{"email": "a@example.com", "amount": 1}')""")
    work(superuser)
    assert value(superuser, "select content ->> 'text' from dreamlit.messages") == "a@example.com 19.90"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ('{"emial": "x"}', "workflow welcome reads no field emial"),
        ('{"id": "x"}', "the payload does not fit workflow welcome"),
        ("[]", "the payload is no JSON object"),
    ],
)
def test_a_payload_by_hand_is_checked(
    admin: Connection, welcome: Definition, payload: str, message: str
) -> None:
    publish(admin, welcome)
    with pytest.raises(psycopg.Error, match=message) as raised:
        admin.execute("select dreamlit.start('welcome', %s)", [payload])
    assert raised.value.sqlstate == "DL001"


def test_pause_stops_everything_and_resume_loses_nothing(
    admin: Connection, app: Connection, superuser: Connection, sender: Connection, welcome: Definition
) -> None:
    publish(admin, welcome)
    app.execute("insert into public.users values (1, 'a@example.com', 'Ann')")
    work(superuser, 2)
    assert value(admin, "select dreamlit.pause('welcome')") == "paused"
    app.execute("insert into public.users values (2, 'b@example.com', 'Bob')")
    work(superuser, 2)
    assert rows(sender, "select * from dreamlit.claim('email', 's', 10)") == []
    assert value(superuser, "select count(*) from dreamlit.messages") == 2
    assert column(superuser, "select state from dreamlit.runs") == ["paused", "paused"]
    assert value(admin, "select dreamlit.resume('welcome')") == "active"
    work(superuser, 2)
    assert len(rows(sender, "select * from dreamlit.claim('email', 's', 10)")) == 2


def test_unpublishing_takes_triggers_and_functions_away(
    admin: Connection, app: Connection, superuser: Connection, welcome: Definition
) -> None:
    publish(admin, welcome)
    assert value(admin, "select open_runs from dreamlit.unpublish('welcome')") == 0
    assert value(superuser, COMPILED) == 0
    app.execute("insert into public.users values (1, 'a@example.com')")
    assert value(superuser, "select count(*) from pgmq.q_dreamlit_events") == 0
    assert publish(admin, welcome) == 2


def test_open_runs_finish_after_unpublishing_unless_they_are_cancelled(
    admin: Connection, app: Connection, superuser: Connection, welcome: Definition
) -> None:
    publish(admin, welcome)
    app.execute("insert into public.users values (1, 'a@example.com', 'Ann')")
    work(superuser, 2)
    assert value(admin, "select open_runs from dreamlit.unpublish('welcome')") == 1
    assert value(superuser, COMPILED) > 0
    assert value(admin, "select open_runs from dreamlit.unpublish('welcome', true)") == 0
    assert value(superuser, COMPILED) == 0
    assert value(superuser, "select state from dreamlit.runs") == "cancelled"


def test_without_a_renderer_in_the_database_somebody_has_to_have_read_the_templates(
    admin: Connection, welcome: Definition
) -> None:
    admin.execute("""select dreamlit.set_setting('renderer', '"sender"')""")
    with pytest.raises(psycopg.Error, match="nobody has read this step"):
        publish(admin, welcome)
    read = {
        "steps[0].email": [{"field": "subject", "path": ["trigger", "frist_name"]}],
        "steps[3].email": [],
        "steps[4].slack": [],
    }
    with pytest.raises(psycopg.Error, match="did you mean first_name"):
        publish(admin, {**welcome, "references": read})
    read["steps[0].email"] = [{"field": "subject", "path": ["trigger", "first_name"]}]
    assert publish(admin, {**welcome, "references": read}) == 1


def test_what_a_cascade_took_away_comes_back_when_the_same_is_published_again(
    admin: Connection, superuser: Connection
) -> None:
    table = "create table public.people (person_id integer primary key, email text)"
    step = {"id": "tell", "email": {"to": "{{ trigger.email }}", "subject": "Hi", "text": "Hello"}}
    definition = {"workflow": "hello", "trigger": {"table": "public.people", "on": "insert"}, "steps": [step]}
    admin.execute(table)
    assert publish(admin, definition) == 1
    admin.execute("drop table public.people cascade")
    admin.execute(table)
    assert publish(admin, definition) == 2
    admin.execute("insert into public.people values (1, 'ann@example.com')")
    work(superuser, 2)
    assert value(superuser, "select recipient from dreamlit.messages") == "ann@example.com"
    assert publish(admin, definition) == 2
