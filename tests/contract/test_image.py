"""Dockerfile.postgres and compose.yaml against what the demo really installs and sets on this machine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import psycopg
import pytest
import yaml

from dreamlit_cli.demo import commands, stage
from dreamlit_pg.cluster import FULL_SETTINGS, SERVER_PYTHON, Cluster
from dreamlit_pg.servers import OLDEST, PACKAGES

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile.postgres").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
PER_PLACE = {"listen_addresses", "port", "unix_socket_directories"}
"""Settings that a container leaves to its image and that a private cluster chooses anew at each start."""


def stages() -> dict[str, str]:
    """The build stages by name, comments left out and continued lines joined."""
    lines = "\n".join(line for line in DOCKERFILE.splitlines() if not line.lstrip().startswith("#"))
    text = re.sub(r"\\\n\s*", " ", lines)
    parts = re.split(r"^(?=FROM )", text, flags=re.MULTILINE)[1:]
    return {re.match(r"FROM \S+ AS (\S+)", part)[1]: part for part in parts}  # type: ignore[index]


def major() -> int:
    found = re.search(r"^ARG MAJOR=(\d+)$", DOCKERFILE, re.MULTILINE)
    assert found
    return int(found[1])


def image_settings() -> dict[str, str]:
    command = re.search(r"^CMD (\[.*\])$", stages()["server"], re.MULTILINE)
    assert command
    program, *words = json.loads(command[1])
    assert program == "postgres"
    assert set(words[::2]) == {"-c"}
    return dict(word.split("=", 1) for word in words[1::2])


def image_packages() -> list[str]:
    install = re.search(r"apt-get install ([^&]*)&&", stages()["server"])
    assert install
    words = [word for word in install[1].split() if not word.startswith("-")]
    return [word.replace("${MAJOR}", "{major}") for word in words]


def test_the_image_installs_the_packages_of_the_demo() -> None:
    base = PACKAGES[0]
    assert base == "postgresql-{major}", "comes with the base image"
    assert sorted(image_packages()) == sorted(set(PACKAGES) - {base})
    assert major() >= OLDEST


@pytest.mark.skipif(shutil.which("dpkg-query") is None, reason="not a Debian")
def test_the_packages_are_what_the_server_here_comes_from(cluster: Cluster) -> None:
    if not cluster.bin.is_relative_to("/usr/lib/postgresql"):
        pytest.skip("the server here comes from elsewhere")
    with psycopg.connect(cluster.dsn()) as connection:
        here = connection.info.server_version // 10000
    for package in PACKAGES:
        words = ["dpkg-query", "-W", "-f", "${db:Status-Status}", package.format(major=here)]
        assert subprocess.run(words, check=True, capture_output=True, text=True).stdout == "installed"


def test_the_image_sets_what_the_demo_sets(cluster: Cluster) -> None:
    ours = Cluster(cluster.home, cron_database=stage.DATABASE).settings()
    ours = {name: value for name, value in ours.items() if name not in PER_PLACE}
    image = image_settings()
    assert image.keys() == ours.keys()
    assert {name: image[name] for name in ours if name != "cron.host"} == {
        name: ours[name] for name in ours if name != "cron.host"
    }
    assert image.items() >= FULL_SETTINGS.items()
    # The socket's folder, here as there: of the base image it is this one.
    assert image["cron.host"] == "/var/run/postgresql"
    assert ours["cron.host"] == str(cluster.socket_folder)


def test_the_server_knows_every_setting_of_the_image(cluster: Cluster) -> None:
    with psycopg.connect(cluster.dsn()) as connection:
        for name in image_settings():
            known = connection.execute(
                "select from pg_settings where lower(name) = lower(%s)", [name]
            ).fetchone()
            assert known is not None, name


def test_the_server_gets_the_renderers_libraries_that_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = set(SERVER_PYTHON.values()) - {"markupsafe", "mdurl"}  # these come with the others
    wanted = [each for each in project["dependencies"] if re.split("[<>=]", each)[0] in names]
    assert len(wanted) == len(names)
    parts = stages()
    assert [each for each in wanted if f'"{each}"' not in parts["renderer"]] == []
    assert "--target /renderer" in parts["renderer"]
    copied = re.search(r"COPY --from=renderer /renderer (\S+)", parts["server"])
    assert copied
    assert f"PYTHONPATH={copied[1]}" in parts["server"]


def test_the_other_image_copies_all_that_the_package_is_made_of() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    needed = {package.split("/")[0] for package in wheel["packages"]} | set(wheel["force-include"])
    part = stages()["dreamlit"]
    copied = set(re.findall(r"^COPY (\w+) \w+$", part, re.MULTILINE))
    assert copied == needed
    assert "COPY pyproject.toml README.md LICENSE ./" in part


def test_compose_builds_stages_that_exist() -> None:
    for service in SERVICES.values():
        assert service["build"]["target"] in stages()
        assert (ROOT / service["build"]["dockerfile"]).exists()


@pytest.mark.parametrize(("service", "command"), [("inbox", commands.inbox), ("application", commands.demo)])
def test_compose_calls_commands_that_exist(service: str, command: click.Command) -> None:
    name, *words = SERVICES[service]["command"]
    assert name == command.name
    command.make_context(name, words)


def test_the_sender_is_set_up_as_in_the_demo() -> None:
    source = Path(stage.__file__).read_text("utf-8")
    environment = SERVICES["sender"]["environment"]
    assert set(environment) == set(re.findall(r'"(DREAMLIT_\w+)":', source))
    dsn = urlsplit(environment["DREAMLIT_DSN"])
    assert (dsn.username, dsn.hostname, dsn.path) == (stage.SENDER, "server", f"/{stage.DATABASE}")
    assert SERVICES["server"]["environment"]["POSTGRES_DB"] == stage.DATABASE
    inbox = SERVICES["inbox"]["command"]
    assert (
        urlsplit(environment["DREAMLIT_SMTP_URL"]).netloc == f"inbox:{inbox[inbox.index('--smtp-port') + 1]}"
    )
    assert (
        urlsplit(environment["DREAMLIT_SLACK_API_URL"]).netloc
        == f"inbox:{inbox[inbox.index('--http-port') + 1]}"
    )


def test_nothing_is_open_to_other_machines() -> None:
    for name, service in SERVICES.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name} opens {port}"
