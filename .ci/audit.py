"""Ask pip-audit for known faults of what a lock file pins, and say plainly what was and what was not checked.

pip-audit alone ends well where the registry knows nothing of faults: it leaves all out and finds nothing.
Ends with 1 for a fault, else with 0: a registry that cannot be reached is no reason to hold up a build.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

TIMEOUT = 300


def verdict(answer: str) -> tuple[int, list[str]]:
    """The exit code and the lines to print for what pip-audit wrote: JSON, or anything else if it failed."""
    try:
        dependencies = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 0, ["audit: not done: the registry cannot be reached or did not answer; nothing was checked"]
    asked = [dependency for dependency in dependencies if "skip_reason" not in dependency]
    unknown = [dependency["name"] for dependency in dependencies if "skip_reason" in dependency]
    if not asked:
        return 0, ["audit: not done: this registry serves no list of known faults; nothing was checked"]
    lines = [
        f"audit: {dependency['name']} {dependency['version']} has {fault['id']},"
        f" mended in {', '.join(fault.get('fix_versions', [])) or 'no version yet'}"
        for dependency in asked
        for fault in dependency.get("vulns", [])
    ]
    summary = f"audit: {len(asked)} packages checked, {len(lines)} known faults"
    if unknown:
        summary += f"; not checked: {', '.join(unknown)}"
    return (1 if lines else 0), [*lines, summary]


def audit(lock: Path) -> str:
    """What pip-audit says of a lock file as JSON; empty if it could not ask."""
    words = ["--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    command = [sys.executable, "-m", "pip_audit", *words, "--requirement", str(lock)]
    try:
        done = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


def main() -> int:
    code, lines = verdict(audit(Path(sys.argv[1])))
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
