"""From YAML in a repository to the definition that ``dreamlit.publish`` takes.

Reads and gathers; it does not judge a definition. The database does that, and reports all faults at once.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from dreamlit_pg import rendering, writing
from dreamlit_pg.errors import DefinitionError, Fault
from dreamlit_pg.rendering.language import normal
from dreamlit_pg.writing.faults import WritingError

CHANNELS = ("email", "slack")
ENDINGS = (".yaml", ".yml")
MAX_BYTES = 4 << 20
MAX_NODES = 100_000


@dataclass(frozen=True)
class Definition:
    """A workflow's name, the file it came from, and the document for ``dreamlit.publish``.

    The document is the YAML as JSON, plus "files" (each template file that it reaches) and "references" (what
    the templates of each step read).
    """

    name: str
    path: Path
    document: dict[str, Any]


def read_workflow(path: str | Path) -> Definition:
    """Read one YAML file and the template files beside it.

    Raises DefinitionError with the place in the file when it is not YAML, not a mapping, or names
    a template file that is missing, not UTF-8, or outside its folder.
    """
    path = Path(path)
    document = _mapping(path, _parsed(path, _read_text(path, path.name)))
    files = _template_files(path, document)
    document["files"] = files
    document["references"] = {
        f"{place}.{channel}": rendering.references(step[channel], files)
        for place, step, channel in _sends(document)
    }
    name = document.get("workflow")
    return Definition(name=name if isinstance(name, str) else path.stem, path=path, document=document)


def read_mapping(path: str | Path) -> dict[str, Any]:
    """Read one YAML file that holds a mapping. Raises DefinitionError with the place in the file."""
    path = Path(path)
    document = _parsed(path, _read_text(path, path.name))
    if not isinstance(document, dict):
        raise _error(str(path), "the file holds no mapping", "write name: value, a line each")
    _check_values(path, document, "")
    return document


def read_folder(path: str | Path) -> list[Definition]:
    """Read every ``*.yaml`` and ``*.yml`` in a folder (not below it), in the order of their names.

    Raises one DefinitionError that holds the faults of all files, also for two workflows of one name.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise _error(str(path), "there is no such folder", "give a YAML file or a folder of them")
    sources = sorted(
        entry for entry in folder.iterdir() if entry.suffix.lower() in ENDINGS and entry.is_file()
    )
    if not sources:
        raise _error(
            str(path), "the folder holds no workflow", "a workflow is a file ending in .yaml or .yml"
        )
    found: dict[str, Definition] = {}
    faults: list[Fault] = []
    for source in sources:
        try:
            definition = read_workflow(source)
        except DefinitionError as exc:
            faults.extend(exc.faults)
            continue
        other = found.setdefault(definition.name, definition)
        if other is not definition:
            fact = f"the workflow {definition.name!r} is already defined in {other.path.name}"
            faults.append(Fault(place=str(source), fact=fact, hint="give one of them another name"))
    if faults:
        raise _gathered(faults)
    return list(found.values())


def _error(place: str, fact: str, hint: str | None = None) -> DefinitionError:
    return _gathered([Fault(place=place, fact=fact, hint=hint)])


def _gathered(faults: list[Fault]) -> DefinitionError:
    first = faults[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return DefinitionError(f"{first.place}: {first.fact}{more}", hint=first.hint, faults=faults)


def _read_text(path: Path, shown: str) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _error(str(path), "there is no such file") from None
    except OSError as exc:
        raise _error(str(path), f"cannot be read: {exc.strerror}") from exc
    if len(content) > MAX_BYTES:
        raise _error(str(path), f"{shown} has {len(content)} bytes: the limit is {MAX_BYTES}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = content.count(b"\n", 0, exc.start) + 1
        raise _error(f"{path}:{line}", f"byte {exc.start} is not UTF-8", "save the file as UTF-8") from exc
    if "\0" in text:
        raise _error(str(path), "the file contains a NUL", "save the file as UTF-8 text")
    return text


# --- YAML -------------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML as most people read it: ``on``, ``yes``, ``12:30`` and dates are text, and no key stands twice."""

    yaml_implicit_resolvers = {}  # noqa: RUF012  # none of YAML 1.1's own

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[Any, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                shown = key_node.value if isinstance(key_node, yaml.ScalarNode) else repr(key)
                problem = f"the key {shown} is not text"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            if key in seen:
                problem = f"the key {key!r} stands here a second time: the first is on line {seen[key]}"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            seen[key] = line
        return super().construct_mapping(node, deep)


for _tag, _pattern, _first in (
    ("bool", "true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", "[-+]?(?:0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
    ("null", "~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("merge", "<<", "<"),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _parsed(path: Path, text: str) -> Any:
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        if root is None:
            return None
        _check_size(root, path)
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise _error(place, _problem(exc), _yaml_hint(exc)) from exc
    except yaml.YAMLError as exc:
        raise _error(str(path), f"not YAML: {' '.join(str(exc).split())}") from exc
    except ValueError as exc:
        raise _error(str(path), f"not YAML: {exc}") from exc
    except RecursionError as exc:
        raise _error(str(path), "the YAML is nested too deeply") from exc
    finally:
        if loader is not None:
            loader.dispose()


def _problem(exc: yaml.MarkedYAMLError) -> str:
    problem = exc.problem or "a fault"
    if isinstance(exc, yaml.constructor.ConstructorError):
        return problem
    if isinstance(exc, yaml.composer.ComposerError) and "single document" in (exc.context or ""):
        return "the file holds more than one document"
    return f"not YAML: {problem}"


def _yaml_hint(exc: yaml.MarkedYAMLError) -> str | None:
    problem = exc.problem or ""
    if "mapping values are not allowed" in problem:
        return "put text that contains ': ' into quotes"
    if "found character '\\t'" in problem:
        return "indent with spaces, not with tabs"
    if "could not determine a constructor" in problem:
        return "use plain YAML without tags"
    if "single document" in (exc.context or ""):
        return "one workflow a file: remove the line ---"
    if "expected <block end>" in problem or "flow mapping" in (exc.context or ""):
        return "check the indentation, and put text that begins with {{ into quotes"
    return None


def _check_size(root: yaml.Node, path: Path) -> None:
    """Aliases share nodes: a few lines can stand for billions of values, or for an endless one."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, above: frozenset[int]) -> int:
        if id(node) in above:
            mark = node.start_mark
            raise _error(f"{path}:{mark.line + 1}:{mark.column + 1}", "an alias contains itself")
        if id(node) not in sizes:
            inside = above | {id(node)}
            members = (
                [part for pair in node.value for part in pair]
                if isinstance(node, yaml.MappingNode)
                else node.value
            )
            nested = (
                0 if isinstance(node, yaml.ScalarNode) else sum(size(member, inside) for member in members)
            )
            sizes[id(node)] = 1 + nested
        return sizes[id(node)]

    if size(root, frozenset()) > MAX_NODES:
        raise _error(str(path), f"the YAML stands for more than {MAX_NODES} values", "write fewer aliases")


def _mapping(path: Path, document: Any) -> dict[str, Any]:
    if document is None:
        raise _error(str(path), "the file is empty", "a workflow begins with: workflow: its_name")
    if not isinstance(document, dict):
        kind = (
            "a list"
            if isinstance(document, list)
            else "text"
            if isinstance(document, str)
            else "a single value"
        )
        fact = f"the file holds {kind}, not a mapping"
        raise _error(str(path), fact, "a workflow begins with: workflow: its_name")
    _check_values(path, document, "")
    for key in ("files", "references"):
        if key in document:
            raise _error(str(path), f"the key {key!r} is not for a file", "it is added when the file is read")
    return document


def _check_values(path: Path, value: Any, place: str) -> None:
    if isinstance(value, dict):
        for key, member in value.items():
            _check_values(path, member, f"{place}.{key}" if place else key)
    elif isinstance(value, list):
        for index, member in enumerate(value):
            _check_values(path, member, f"{place}[{index}]")
    elif value is not None and not isinstance(value, (str, int, float, bool)):
        raise _error(
            f"{path}: {place}", f"a {type(value).__name__} has no form in JSON", "put it into quotes"
        )
    elif isinstance(value, str):
        _check_storable(path, value, place)
    elif isinstance(value, float) and value - value != 0:
        raise _error(f"{path}: {place}", f"{value} has no form in JSON", "put it into quotes")


def _check_storable(path: Path, text: str, place: str) -> None:
    """YAML's escapes can write characters that PostgreSQL cannot keep."""
    if "\0" in text:
        raise _error(f"{path}: {place}", "the text contains a NUL", "take \\0 out")
    if any("\ud800" <= character <= "\udfff" for character in text):
        fact = "the text contains half a surrogate pair"
        raise _error(f"{path}: {place}", fact, "write the character itself")


# --- template files ---------------------------------------------------------------------------------------


def _sends(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The steps that send: place, step and channel."""
    steps = document.get("steps")
    for index, step in enumerate(steps if isinstance(steps, list) else []):
        for channel in CHANNELS:
            if isinstance(step, dict) and isinstance(step.get(channel), dict):
                yield f"steps[{index}]", step, channel


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for member in value.values() if isinstance(value, dict) else value:
            yield from _texts(member)


def _template_files(path: Path, document: dict[str, Any]) -> dict[str, str]:
    """Every template file that the document reaches, by the name under which templates know it."""
    folder = _Folder(path)
    files: dict[str, str] = {}
    faults: list[Fault] = []
    wanted = list(_named_files(path, document))
    while wanted:
        place, name, required = wanted.pop(0)
        if name in files:
            continue
        try:
            text = folder.read(name, place) if required or folder.find(name, place) else None
        except DefinitionError as exc:
            faults.extend(fault for fault in exc.faults if fault not in faults)
            continue
        if text is not None:
            files[name] = text
            # It may be missing on purpose ("ignore missing", a list of choices): references() judges.
            wanted.extend((f"{path}: {name}", other, False) for other in rendering.linked_files(text))
    if faults:
        raise _gathered(faults)
    try:
        files = writing.compile_files(
            files, {name for _, name, _ in _named_files(path, document)}, folder.css
        )
    except WritingError as exc:
        place = f"{path}: {exc.file}" + (f":{exc.line}" if exc.line else "")
        raise _error(place, exc.fact, exc.hint) from exc
    inline = (text for _, step, channel in _sends(document) for text in _texts(step[channel]))
    if any(map(rendering.uses_translations, itertools.chain(inline, files.values()))):
        files.update(_translations(folder))
    return dict(sorted(files.items()))


def _translations(folder: _Folder) -> dict[str, str]:
    """The files of `locales/` as JSON, by the names under which the renderers know them."""
    found: dict[str, str] = {}
    for path in folder.locales():
        locale = normal(path.stem)
        if locale is None:
            hint = "name the file of a language such as de, or de-AT"
            raise _error(str(path), f"{path.stem!r} is no locale", hint)
        name = f"locales/{locale}.json"
        if name in found:
            raise _error(str(path), f"there is another file of {locale}", "keep one of them")
        found[name] = json.dumps(read_mapping(path), ensure_ascii=False, sort_keys=True)
    return found


def _named_files(path: Path, document: dict[str, Any]) -> Iterator[tuple[str, str, bool]]:
    for step_place, step, channel in _sends(document):
        templates = step[channel]
        place = f"{path}: {step_place}.{channel}"
        name = templates.get("template") if channel == "email" else None
        if isinstance(name, str):
            yield f"{place}.template", name, True
            if name.lower().endswith((".html", ".htm", ".mjml")) and templates.get("text") is None:
                yield f"{place}.text", name.rpartition(".")[0] + ".txt", False
        for text in _texts({key: value for key, value in templates.items() if key != "template"}):
            for linked in rendering.linked_files(text):
                yield place, linked, False


class _Folder:
    """The folder of a workflow's file, and ``templates/`` in it. Nothing outside is ever read."""

    def __init__(self, path: Path) -> None:
        self._root = path.parent.resolve()
        self._places = (self._root, self._root / "templates")

    def find(self, name: str, place: str) -> Path | None:
        """The file of that name, None if there is none; raises DefinitionError if it lies outside."""
        pure = PurePosixPath(name)
        if (
            not name
            or pure.is_absolute()
            or ".." in pure.parts
            or "\\" in name
            or "\0" in name
            or ":" in pure.parts[0]
        ):
            hint = "name a file in the folder of the workflow or in its templates folder"
            raise _error(place, f"the template file {name!r} is not inside the folder of the workflow", hint)
        for base in self._places:
            candidate = base / pure
            if not candidate.is_file():
                continue
            if not candidate.resolve().is_relative_to(self._root):
                hint = "copy the file into the folder"
                raise _error(
                    place, f"the template file {name!r} is a link out of the folder of the workflow", hint
                )
            return candidate
        return None

    def locales(self) -> list[Path]:
        """The files of `locales/`, of the first place that has that folder."""
        for base in self._places:
            if (base / "locales").is_dir():
                endings = (*ENDINGS, ".json")
                entries = [each for each in (base / "locales").iterdir() if each.suffix.lower() in endings]
                return sorted(self._inside(each) for each in entries if each.is_file())
        return []

    def _inside(self, path: Path) -> Path:
        if not path.resolve().is_relative_to(self._root):
            hint = "copy the file into the folder"
            raise _error(str(path), "this is a link out of the folder of the workflow", hint)
        return path

    def read(self, name: str, place: str) -> str:
        found = self.find(name, place)
        if found is None:
            near = difflib.get_close_matches(name, self._names(), 1)
            hint = (
                f"did you mean {near[0]!r}?" if near else f"put it into {self._root} or its templates folder"
            )
            raise _error(place, f"there is no template file {name!r}", hint)
        return _read_text(found, name)

    def css(self, name: str) -> str | None:
        """The text of a style sheet, None if there is none."""
        found = self.find(name, name)
        return None if found is None else _read_text(found, name)

    def _names(self) -> list[str]:
        found: set[str] = set()
        for base in self._places:
            for entry in itertools.islice(base.rglob("*") if base.is_dir() else iter(()), 10_000):
                if entry.is_file() and entry.suffix.lower() not in ENDINGS:
                    found.add(entry.relative_to(base).as_posix())
        return sorted(found)
