"""Keep the script of this release, to upgrade from it in all releases to come.

    python -m tests.upgrade.freeze

Run it once when a release is made. It writes tests/upgrade/releases/RELEASE.sql: what `dreamlit install
--print` prints. A release that is out stays as it was: the file is overwritten only with --again, before it
is out.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dreamlit_pg import install, sources

RELEASES = Path(__file__).parent / "releases"


def main(words: list[str]) -> int:
    """Write the file; returns the exit code."""
    target = RELEASES / f"{sources.release()}.sql"
    if target.exists() and "--again" not in words:
        print(
            f"error: {target.name} is there already\nhint: add --again if that release is not out yet",
            file=sys.stderr,
        )
        return 1
    RELEASES.mkdir(exist_ok=True)
    target.write_text(install.script(), "utf-8")
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
