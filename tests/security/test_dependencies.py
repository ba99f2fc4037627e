"""What is installed is what requirements.lock says, and known faults of it are asked for."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PEERS_LOCK = (ROOT / "benchmarks" / "requirements.lock").read_text("utf-8")


def entries(lock: str) -> list[str]:
    return re.split(
        r"\n(?=[a-z0-9])", "\n".join(line for line in lock.splitlines() if not line.startswith("#"))
    )


def locked(lock: str) -> dict[str, Version]:
    found = {}
    for entry in entries(lock):
        name, version = re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", entry).groups()  # type: ignore[union-attr]
        found[canonicalize_name(name)] = Version(version)
    return found


def wanted(*, peers: bool) -> list[Requirement]:
    """What the benches compare with is installed for them only, from a lock of its own."""
    extras = PROJECT["project"]["optional-dependencies"]
    texts = [
        *PROJECT["project"]["dependencies"],
        *(text for name, extra in extras.items() if (name == "bench") == peers for text in extra),
        *([] if peers else PROJECT["build-system"]["requires"]),
    ]
    return [
        requirement
        for requirement in map(Requirement, texts)
        if requirement.name != PROJECT["project"]["name"]
    ]


@pytest.mark.parametrize("requirement", wanted(peers=False), ids=lambda requirement: requirement.name)
def test_the_lock_pins_every_dependency_of_the_project_within_its_range(requirement: Requirement) -> None:
    """Where this fails: make lock."""
    assert locked(LOCK)[canonicalize_name(requirement.name)] in requirement.specifier


@pytest.mark.parametrize("requirement", wanted(peers=True), ids=lambda requirement: requirement.name)
def test_the_lock_of_the_benches_pins_what_they_compare_with(requirement: Requirement) -> None:
    """Where this fails: make lock."""
    assert locked(PEERS_LOCK)[canonicalize_name(requirement.name)] in requirement.specifier


def test_both_locks_agree_on_what_both_pin() -> None:
    project, peers = locked(LOCK), locked(PEERS_LOCK)
    both = project.keys() & peers.keys()
    assert len(both) > 20
    assert {name: project[name] for name in both} == {name: peers[name] for name in both}


@pytest.mark.parametrize("lock", [LOCK, PEERS_LOCK], ids=["project", "benches"])
def test_every_pin_has_its_hashes(lock: str) -> None:
    found = entries(lock)
    assert len(found) > 40
    assert [entry.splitlines()[0] for entry in found if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", [LOCK, PEERS_LOCK], ids=["project", "benches"])
def test_the_lock_names_no_place_to_fetch_from(lock: str) -> None:
    assert not re.search(r"https?://|file:|--(extra-)?index-url|--find-links", lock)


def test_the_lock_serves_every_python_that_the_project_does() -> None:
    """No pin is bound to one version of Python only: the markers that remain are of the platform."""
    markers = {
        entry.splitlines()[0].split(" ; ", 1)[1] for entry in entries(LOCK) if " ; " in entry.splitlines()[0]
    }
    assert [
        marker for marker in markers if "python_version ==" in marker or "python_full_version ==" in marker
    ] == []


def test_the_environment_is_made_from_the_lock() -> None:
    script = (ROOT / ".ci" / "venv").read_text("utf-8")
    assert "--require-hashes --requirement requirements.lock" in script
    assert "--no-deps --no-build-isolation --editable ." in script


# make audit


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(*dependencies: dict[str, object]) -> str:
    return json.dumps({"dependencies": list(dependencies), "fixes": []})


CLEAN: dict[str, object] = {"name": "click", "version": "8.1", "vulns": []}
FAULTY: dict[str, object] = {
    "name": "jinja2",
    "version": "3.1.2",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.6"]}],
}
UNKNOWN: dict[str, object] = {"name": "local", "skip_reason": "not found"}


def test_a_known_fault_fails_the_audit_and_names_the_mend(audit: ModuleType) -> None:
    code, lines = audit.verdict(answer(CLEAN, FAULTY))
    assert code == 1
    assert lines == [
        "audit: jinja2 3.1.2 has PYSEC-1, mended in 3.1.6",
        "audit: 2 packages checked, 1 known faults",
    ]


def test_an_audit_without_findings_passes_and_says_what_it_left_out(audit: ModuleType) -> None:
    assert audit.verdict(answer(CLEAN, UNKNOWN)) == (
        0,
        ["audit: 1 packages checked, 0 known faults; not checked: local"],
    )


@pytest.mark.parametrize("said", ["", "no network", "[]", answer(UNKNOWN)])
def test_an_audit_that_could_not_ask_says_so_and_passes(audit: ModuleType, said: str) -> None:
    code, (line,) = audit.verdict(said)
    assert code == 0
    assert "not done" in line
    assert "nothing was checked" in line


def test_ci_asks_for_known_faults() -> None:
    assert "make audit" in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
