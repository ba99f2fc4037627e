"""Random definitions over the table public.things, and what their triggers must capture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Row = dict[str, Any]

TABLE = "create table public.things (thing_id integer primary key, n integer, grp text, email text, at timestamptz)"


@dataclass(frozen=True, kw_only=True)
class Published:
    """A definition, and the condition of its trigger in Python."""

    definition: dict[str, Any]
    matches: Callable[[int | None], bool]

    @property
    def operations(self) -> list[str]:
        """The operations that its trigger is on."""
        return list(self.definition["trigger"]["on"])


def _above_one(n: int | None) -> bool:
    return n is not None and n > 1


def _divided(n: int | None) -> bool:
    """A division by zero is captured, with its error."""
    return n is not None and (n == 0 or 6 // n > 2)


_CONDITIONS: list[tuple[str | None, Callable[[int | None], bool]]] = [
    (None, lambda n: True),
    ("{row}.n > 1", _above_one),
    ("6 / {row}.n > 2", _divided),
]
_OPERATIONS = [
    ["insert", "update"],
    ["insert"],
    ["update"],
    ["insert", "update", "delete"],
    ["delete"],
]
_WAITS = [
    "0 seconds",
    "10 minutes",
    "2 days",
    {"until": "trigger.at"},
    {"until": "trigger.at + interval '1 hour'"},
]
_QUERIES = [
    "select g.n from generate_series(1, trigger.n) as g(n)",
    "select g.n from generate_series(1, 2) as g(n)",
    "select 1 / (trigger.n - 2) as n",
    "select null::integer as n where false",
]
_IFS = ["true", "false", "null::boolean", "trigger.n > 1", "1 / (trigger.n - 1) >= 0"]
_RECIPIENTS = [
    "{{ trigger.email }}, second@example.com",
    "{{ trigger.email }}",
    "always@example.com",
    "{{ trigger.email.nothing.at_all }}",
]


@st.composite
def _steps(draw: st.DrawFn) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for position in range(draw(st.integers(2, 6))):
        above = ["trigger", *(step["id"] for step in steps)]
        # Most often below the step before: deep trees are where a run lives long.
        parent = draw(st.sampled_from([above[-1], *above]))
        steps.append({"id": f"s{position}", "after": parent, **draw(_STEP)})
    return steps


def _kind(content: dict[str, Any], *, sending: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    optional: dict[str, Any] = {"attempts": st.integers(1, 3)}
    if "if" not in content:
        optional["if"] = st.sampled_from(_IFS)
    if "query" in content:
        optional["collect"] = st.booleans()
    if sending:
        optional |= {
            "lane": st.sampled_from(["urgent", "bulk"]),
            "when_uncertain": st.sampled_from(["hold", "retry"]),
        }
    required: dict[str, Any] = {key: st.just(found) for key, found in content.items()}
    return st.fixed_dictionaries(required, optional=optional)


_EMAIL = st.sampled_from(_RECIPIENTS).flatmap(
    lambda to: _kind({"email": {"to": to, "subject": "{{ trigger.n }}", "text": "Hi"}}, sending=True)
)
_STEP: st.SearchStrategy[dict[str, Any]] = st.one_of(
    _EMAIL,
    _EMAIL,  # most of what can go wrong goes wrong with messages
    st.just({"slack": {"channel": "#all", "text": "{{ trigger.n }}"}}).flatmap(
        lambda content: _kind(content, sending=True)
    ),
    st.sampled_from(_QUERIES).flatmap(lambda query: _kind({"query": query})),
    st.sampled_from(_WAITS).flatmap(lambda wait: _kind({"wait": wait})),
    st.sampled_from(_IFS).flatmap(lambda condition: _kind({"if": condition})),
)


@st.composite
def definitions(draw: st.DrawFn, name: str, *, always: bool = False) -> Published:
    """A workflow of that name with two to six steps in a random tree; `always` runs whenever a row is written."""
    operations = _OPERATIONS[0] if always else draw(st.sampled_from(_OPERATIONS))
    # Where a row is new on one operation and old on another, `trigger` is the one that is there.
    row = "old" if operations == ["delete"] else "new" if "delete" not in operations else None
    condition, matches = draw(st.sampled_from(_CONDITIONS if row and not always else _CONDITIONS[:1]))
    trigger: dict[str, Any] = {"table": "public.things", "on": operations}
    if condition is not None:
        trigger["when"] = condition.format(row=row)
    if row == "new" and not always and draw(st.booleans()):
        trigger["key"] = "new.grp"
    return Published(
        definition={"workflow": name, "trigger": trigger, "steps": draw(_steps())}, matches=matches
    )
