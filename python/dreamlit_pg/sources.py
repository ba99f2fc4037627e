"""The SQL files, as one script.

``sql/install.sql`` is the visible list; a line ``\\ir FILE`` stands for that file. The tokens ``@@...@@`` are
filled in here: the release, pgmq's own SQL, the rendering modules for plpython3u, and the migrations.
"""

from __future__ import annotations

import hashlib
import re
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path

from pgmq.install import get_embedded_install_sql

_INCLUDE = re.compile(r"^\\ir (\S+)$", re.MULTILINE)
_RELATIVE = re.compile(r"^from \.(\w+) import", re.MULTILINE)
_TOKEN = re.compile(r"@@(\w+)@@")


def release() -> str:
    """The release of this package, such as 0.1.0."""
    return version("dreamlit-pg")


def sql_folder() -> Path:
    """The folder of the SQL files: inside the package, or beside it in an editable installation."""
    packaged = Path(__file__).parent / "sql"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "sql"


def install_script() -> str:
    """Everything that an installation runs, to be executed in one transaction by whoever installs."""
    folder = sql_folder()
    text = _INCLUDE.sub(
        lambda match: (folder / match[1]).read_text("utf-8").rstrip(),
        (folder / "install.sql").read_text("utf-8"),
    )
    modules = _modules(Path(__file__).parent / "rendering")
    tokens = {
        "release": release(),
        "pgmq_source": _quoted(get_embedded_install_sql(), "pgmq"),
        "rendering_modules": modules,
        "rendering_digest": repr(hashlib.sha256(modules.encode()).hexdigest()[:16]),
        "migrations": "\n".join(_migration(path) for path in sorted((folder / "migrations").glob("*.sql"))),
    }
    return _TOKEN.sub(lambda match: tokens[match[1]], text)


def _modules(folder: Path) -> str:
    """A package as a Python mapping {name: source}, each module after those that it imports."""
    sources = {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.py"))}
    imports = {name: _RELATIVE.findall(source) for name, source in sources.items()}
    pairs = [
        f"  'dreamlit_rendering.{name}': {sources[name]!a},\n"
        for name in TopologicalSorter(imports).static_order()
    ]
    return "{\n" + "".join(pairs) + "}"


def _quoted(text: str, tag: str) -> str:
    quote = f"${tag}_source$"
    if quote in text:
        raise ValueError(f"the text holds {quote}")
    return f"{quote}\n{text}\n{quote}"


def _migration(path: Path) -> str:
    """A migration runs once, and not at all where the tables have just been made as they are now."""
    return f"""do $migration$
begin
  if not exists (select from dreamlit._migrations where migration = '{path.stem}') then
    if not current_setting('dreamlit.fresh')::boolean then
      execute {_quoted(path.read_text("utf-8"), "step")};
    end if;
    insert into dreamlit._migrations (migration) values ('{path.stem}');
  end if;
end;
$migration$;"""  # noqa: S608 - files of ours
