"""Templates that come with the package: what there is, and a copy of one to make one's own."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from dreamlit_pg import rendering
from dreamlit_pg.errors import DreamlitError

FOLDER = Path(__file__).parent / "templates"

_HEAD = re.compile(
    r"\A\{#\n(?P<purpose>.+)\n\nKind: (?P<kind>topic|transactional)\nVariables:\n(?P<variables>(?:  .+\n)+)"
    r"\nExample:\n(?P<example>(?:  .+\n)+)#\}"
)


@dataclass(frozen=True)
class ReadyMade:
    """A template as the comment at its head describes it; the example is a whole workflow in YAML."""

    name: str
    purpose: str
    kind: str
    variables: dict[str, str]
    example: str


def ready_made() -> list[ReadyMade]:
    """All of them, by name."""
    found = []
    for path in sorted(FOLDER.glob("*.mjml")):
        head = _HEAD.match(path.read_text("utf-8"))
        if head is None:  # a part of the others
            continue
        lines = (line.split(maxsplit=1) for line in head["variables"].splitlines())
        found.append(
            ReadyMade(
                name=path.stem,
                purpose=head["purpose"],
                kind=head["kind"],
                variables={line[0]: line[1] for line in lines},
                example=textwrap.dedent(head["example"]),
            )
        )
    return found


def copy_ready_made(name: str, folder: Path) -> dict[str, bool]:
    """Copy a template with its parts; returns each file's name, and whether it was written.

    A part that is there already stays as it is: templates share them. Raises DreamlitError if there is no
    such template, if the template itself is there already, or if the folder cannot be written to.
    """
    known = [template.name for template in ready_made()]
    if name not in known:
        raise DreamlitError(f"there is no template {name!r}", hint=f"there are {', '.join(known)}")
    target = folder / f"{name}.mjml"
    if target.exists() or target.is_symlink():
        raise DreamlitError(f"{target} exists already", hint="copy into another folder, or move it away")
    written = {}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in [*_parts(target.name), target.name]:
            written[file] = _write_new(folder / file, (FOLDER / file).read_text("utf-8"))
    except OSError as exc:
        raise DreamlitError(f"{exc.filename} cannot be written: {exc.strerror}") from exc
    return written


def _write_new(path: Path, text: str) -> bool:
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _parts(file: str) -> list[str]:
    """The files that a template needs, and those that they need."""
    found: list[str] = []
    wanted = [file]
    while wanted:
        for linked in rendering.linked_files((FOLDER / wanted.pop()).read_text("utf-8")):
            if linked not in found:
                found.append(linked)
                wanted.append(linked)
    return sorted(found)
