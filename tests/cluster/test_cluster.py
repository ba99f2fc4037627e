from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from dreamlit_pg.cluster import Cluster
from dreamlit_pg.servers import embedded_server

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="for root only")


@pytest.fixture
def small() -> Iterator[Cluster]:
    """A cluster of this test's own, not started."""
    folder = Path(tempfile.mkdtemp(prefix="dreamlit-test-"))
    folder.chmod(0o755)
    cluster = Cluster(folder / "home", server=embedded_server(), durable=False)
    yield cluster
    cluster.drop()
    shutil.rmtree(folder)


def ask(cluster: Cluster, question: str) -> object:
    with psycopg.connect(cluster.dsn(), connect_timeout=5) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


def test_starts_stops_and_keeps_its_data_and_its_port(small: Cluster) -> None:
    assert not small.running
    small.start()
    first, dsn = small.pid, small.dsn()
    small.start()
    assert small.pid == first
    small.create_database("kept")
    small.stop()
    assert small.pid is None
    small.stop()
    small.start()
    assert small.dsn() == dsn
    assert ask(small, "select count(*) from pg_database where datname = 'kept'") == 1


def test_a_second_process_attaches(small: Cluster) -> None:
    small.start()
    assert Cluster(small.home).dsn("x") == small.dsn("x")


def test_a_killed_server_leaves_nothing_in_the_way(small: Cluster) -> None:
    small.start()
    pid = small.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert not small.running or small.pid == pid
    small.restart(mode="immediate")
    assert small.pid != pid
    assert ask(small, "select 1") == 1


def test_a_pid_that_belongs_to_somebody_else_is_no_server(small: Cluster) -> None:
    small.start()
    small.stop()
    (small.data / "postmaster.pid").write_text(f"{os.getpid()}\n{small.data}\n", "utf-8")
    assert not small.running
    small.start()
    assert ask(small, "select 1") == 1


def test_only_its_own_user_may_enter_and_no_port_is_open(small: Cluster) -> None:
    small.start()
    assert (
        small.socket_folder.stat().st_mode & 0o077 == 0
        or small.socket_folder.parent.stat().st_mode & 0o077 == 0
    )
    assert ask(small, "show listen_addresses") == ""


def test_listens_on_loopback_when_asked(small: Cluster) -> None:
    cluster = Cluster(small.home, server=embedded_server(), durable=False, loopback=True).start()
    with psycopg.connect(f"host=127.0.0.1 port={cluster.port} user=postgres dbname=postgres") as connection:
        assert connection.info.host == "127.0.0.1"


def test_a_folder_with_a_long_and_awkward_name(small: Cluster) -> None:
    home = small.home / "it's a long name & ünusual" / ("x" * 100)
    cluster = Cluster(home, server=embedded_server(), durable=False)
    try:
        cluster.start()
        assert len(str(cluster.socket_folder)) < 100
        assert ask(cluster, "select 1") == 1
        assert cluster.create_database("An odd/name")
        with psycopg.connect(cluster.dsn("An odd/name")) as connection:
            assert connection.info.dbname == "An odd/name"
    finally:
        cluster.drop()
    assert not home.exists()


@needs_root
def test_root_s_own_folder_which_the_server_s_user_cannot_reach(small: Cluster) -> None:
    small.home.mkdir()
    small.home.chmod(0o700)
    small.start()
    assert not small.data.is_relative_to(small.home)
    assert ask(small, "select 1") == 1
    place = small.data.parent
    small.drop()
    assert not place.exists()


@needs_root
def test_programs_that_the_server_s_user_cannot_reach_are_copied(small: Cluster, tmp_path: Path) -> None:
    server = embedded_server()
    assert server is not None
    package = server.bin.parent.parent
    hidden = tmp_path / "root"
    hidden.mkdir(mode=0o700)
    shutil.copytree(package, hidden / package.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, hidden / libraries.name)
    moved = type(server)(
        bin=hidden / server.bin.relative_to(package.parent), major=server.major, extensions=frozenset()
    )
    cluster = Cluster(small.home, server=moved, durable=False).start()
    assert cluster.bin.is_relative_to(cluster.data.parent)
    assert ask(cluster, "select 1") == 1


@needs_root
def test_an_ordinary_user(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="dreamlit-test-"))
    shutil.chown(folder, "nobody")
    # The environment's own Python may lie in root's home; the machine's of the same version does as well.
    system = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    python = str(system) if system.exists() else sys.executable
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-B", "-m", "dreamlit_pg.cluster", *words],
            env=environment,
            check=False,
            cwd=folder,
            capture_output=True,
            text=True,
            user="nobody",
            extra_groups=[],
        )

    try:
        if run("--help").returncode:
            pytest.skip("an ordinary user can reach no Python with our packages here")
        started = run("start", "--fast")
        assert started.returncode == 0, started.stderr
        with psycopg.connect(started.stdout.strip()) as connection:
            assert connection.info.user == "postgres"
        said = run("status")
        assert "running" not in said.stdout
        assert "psql" in said.stdout
        assert run("stop").returncode == 0
        assert run("status").returncode == 3
    finally:
        Cluster(folder / ".dreamlit" / "cluster").drop()
        shutil.rmtree(folder)


def test_renders_in_the_server_with_our_own_jinja(cluster: Cluster) -> None:
    import jinja2

    cluster.create_database("plpython")
    with psycopg.connect(cluster.dsn("plpython")) as connection:
        connection.execute("create extension plpython3u")
        connection.execute(
            "create function said() returns text language plpython3u as "
            "$$import jinja2; return jinja2.__version__ + jinja2.Template('{{ x|e }}').render(x='<')$$"
        )
        row = connection.execute("select said()").fetchone()
    cluster.drop_database("plpython")
    assert row == (f"{jinja2.__version__}&lt;",)


def test_the_server_says_what_settings_says(cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn()) as connection:
        for name, value in cluster.settings().items():
            assert connection.execute(f"show {name}").fetchone() == (value,), name
