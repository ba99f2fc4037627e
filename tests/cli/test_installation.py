"""install, upgrade, uninstall, doctor, health, settings."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from tests.cli.conftest import Run
from tests.conftest import Connect
from tests.helpers import Connection, value

from dreamlit_pg import sources
from dreamlit_pg.cluster import Cluster


def test_install_says_who_renders_and_who_ticks(run: Run, own_database: str) -> None:
    report = run("install", "--json", dsn=own_database).json
    assert report["renderer"] == "database"
    assert "is installed" in run("install", dsn=own_database).output


def test_what_print_prints_is_a_whole_installation(
    run: Run, empty: str, cluster: Cluster, tmp_path: Path
) -> None:
    script = tmp_path / "dreamlit.sql"
    script.write_text(run("install", "--print", dsn=empty).output, "utf-8")
    psql = [
        str(cluster.bin / "psql"),
        "-qX",
        "-v",
        "ON_ERROR_STOP=1",
        "-f",
        str(script),
        make_conninfo(empty),
    ]
    subprocess.run(psql, check=True, capture_output=True)
    with psycopg.connect(empty) as connection:
        assert connection.execute("select dreamlit.version()").fetchone() == (sources.release(),)
    assert run("install", dsn=empty).status == 0


def test_install_as_a_replica_sets_what_is_captured_and_an_upgrade_leaves_it(
    run: Run, own_database: str, connect: Connect
) -> None:
    superuser = connect("superuser", own_database)
    setting = "select dreamlit._setting('capture_replicated')"
    assert run("install", dsn=own_database).status == 0
    assert value(superuser, setting) is False
    assert run("install", "--replica", dsn=own_database).status == 0
    assert value(superuser, setting) is True
    assert run("upgrade", dsn=own_database).status == 0
    assert value(superuser, setting) is True
    assert run("install", "--replica", "--print", dsn=own_database).status == 2


def test_upgrade_refuses_where_nothing_is_installed(run: Run, empty: str) -> None:
    answer = run("upgrade", dsn=empty)
    assert answer.status == 1
    assert "dreamlit install" in answer.errors


def test_uninstall_refuses_while_workflows_are_published(run: Run, welcome: Path, database: str) -> None:
    run("publish", str(welcome))
    answer = run("uninstall", dsn=database)
    assert answer.status == 1
    assert "welcome" in answer.errors
    assert run("uninstall", "--force", dsn=database).status == 0
    assert run("doctor", dsn=database).status == 1


def test_a_database_that_is_not_there_is_one_line_without_the_password(run: Run) -> None:
    answer = run("health", dsn="postgresql://somebody:secret@127.0.0.1:1/none")
    assert answer.status == 1
    assert answer.errors.startswith("error: ")
    assert "secret" not in answer.errors


def test_doctor_finds_nothing_critical_where_a_worker_and_a_sender_are_seen(
    run: Run, welcome: Path, superuser: Connection, sender: Connection
) -> None:
    run("publish", str(welcome))
    superuser.execute("call dreamlit.work(0)")
    sender.execute("select dreamlit.claim('email', 'test', 1)")
    answer = run("doctor", "--json")
    assert {check["name"] for check in answer.json if check["state"] == "critical"} == set()
    assert answer.status == 0
    assert any(check["name"] == "workflow welcome" and check["state"] == "ok" for check in answer.json)


@pytest.mark.parametrize(
    ("breaking", "told", "mending"),
    [
        ("alter table public.users disable trigger dreamlit_welcome_insert", "is disabled", True),
        ("drop trigger dreamlit_welcome_insert on public.users", "is gone", False),
        ("alter table public.users rename column name to full_name", "has been renamed", False),
        ("drop table pgmq.q_dreamlit_slack_bulk cascade", "missing: dreamlit_slack_bulk", False),
        ("revoke execute on function dreamlit._enqueue(bigint, text, jsonb) from tests_admin", "may not enqueue", True),
        ("alter function dreamlit_workflows.welcome_v1_greet_if(bigint[], jsonb[]) security invoker", "greet", False),
        ("drop function dreamlit_workflows.welcome_v1_greet_if(bigint[], jsonb[])", "is gone", False),
        ("""insert into dreamlit._settings values ('renderer', '"database"')
            on conflict (name) do update set value = '"database"'; drop extension plpython3u cascade""",
         "cannot render", False),
    ],
)  # fmt: skip
def test_doctor_names_what_is_broken(
    run: Run, welcome: Path, superuser: Connection, breaking: str, told: str, mending: bool
) -> None:
    welcome.write_text(
        welcome.read_text("utf-8").replace("- id: greet", "- id: greet\n    if: trigger.id > 0"), "utf-8"
    )
    run("publish", str(welcome))
    superuser.execute(breaking.encode())
    if "dreamlit_slack_bulk" in breaking:
        # The views that read the queue went with it; what is left of the doctor has to say so all the same.
        with superuser.transaction():
            [row] = superuser.execute(
                "select state, detail, mend from dreamlit._examine_installation() where name = 'queues'"
            ).fetchall()
        assert row[0] == "critical"
        assert told in str(row[1])
        return
    found = [check for check in run("doctor", "--json").json if told in check["detail"]]
    assert found
    assert found[0]["state"] in ("warning", "critical")
    if mending:
        superuser.execute(str(found[0]["mend"]).encode())
        assert not [check for check in run("doctor", "--json").json if told in check["detail"]]


def test_settings_are_listed_and_changed(run: Run, superuser: Connection) -> None:
    assert run("setting", "set", "keep_history", "30 days").status == 0
    shown = {row["name"]: row["value"] for row in run("settings", "--json").json}
    assert shown["keep_history"] == "30 days"
    assert run("setting", "set", "batch", "500", "--json").json == {"batch": 500}
    assert value(superuser, "select value from dreamlit._settings where name = 'batch'") == 500


def test_a_wrong_setting_is_refused(run: Run) -> None:
    assert "did you mean batch?" in run("setting", "set", "bacth", "5").errors
    assert run("setting", "set", "batch", "0").status == 1


def test_health_is_for_people_and_programs(run: Run, superuser: Connection) -> None:
    assert "queue events" in run("health").output
    assert {row["name"] for row in run("health", "--json").json} >= {"worker", "sender", "overdue tasks"}


def test_readers_may_read_and_not_pause(run: Run, welcome: Path) -> None:
    run("publish", str(welcome))
    assert run("runs", "--json", role="reader").json == []
    answer = run("pause", "welcome", role="reader")
    assert answer.status == 1
    assert "permission denied" in answer.errors
