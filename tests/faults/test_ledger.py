"""The account finds every breach of the promise: a check that cannot fail proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from tests.faults.ledger import Facts, balance


def _message(state: str = "sent", *, sent: int = 1, unknown: int = 0, error: object = None) -> dict[str, Any]:
    return {"state": state, "sent": sent, "unknown": unknown, "error": error}


def _breaches(
    outcome: str, *messages: dict[str, Any], keys: tuple[str, ...] = (), stands: bool = True
) -> list[str]:
    facts = Facts({"a": list(messages)} if messages else {}, frozenset("a" if stands else ""))
    return balance(
        [{"token": "a", "outcome": outcome}], [{"token": "a", "key": key} for key in keys], facts
    ).breaches


@pytest.mark.parametrize(
    "breaches",
    [
        _breaches("committed", _message(), keys=("k",)),
        _breaches("committed", _message(sent=1, unknown=1), keys=("k", "k")),
        _breaches("committed", _message("uncertain", sent=0, unknown=1, error={"fault": "unknown"})),
        _breaches(
            "committed", _message("uncertain", sent=0, unknown=1, error={"fault": "unknown"}), keys=("k",)
        ),
        _breaches("committed", _message("failed", sent=0, error={"code": "550"})),
        _breaches("in doubt", _message(), keys=("k",)),
        _breaches("in doubt", stands=False),
        _breaches("rolled back", stands=False),
    ],
)
def test_what_keeps_the_promise_is_no_breach(breaches: list[str]) -> None:
    assert breaches == []


@pytest.mark.parametrize(
    ("breaches", "words"),
    [
        (_breaches("committed"), "0 messages and 0 deliveries"),
        (_breaches("committed", keys=("k",)), "0 messages and 1 deliveries"),
        (_breaches("committed", _message(), _message(), keys=("k",)), "2 messages"),
        (_breaches("committed", _message()), "never arrived"),
        (_breaches("committed", _message(), keys=("k", "k")), "nothing shows it"),
        (_breaches("committed", _message(sent=1, unknown=1), keys=("k",) * 3), "3 times; attempts show 1 sent and 1 unknown"),
        (_breaches("committed", _message(unknown=1), keys=("k", "j")), "several keys"),
        (_breaches("committed", _message("queued", sent=0)), "ended as queued"),
        (_breaches("committed", _message("cancelled", sent=0)), "ended as cancelled"),
        (_breaches("committed", _message("failed", sent=0)), "without a reason"),
        (_breaches("committed", _message("failed", sent=0, error={"code": "550"}), keys=("k",)), "failed and arrived"),
        (_breaches("committed", _message(), keys=("k",), stands=False), "gone from its table"),
        (_breaches("in doubt", _message(), keys=("k",), stands=False), "never committed"),
        (_breaches("in doubt"), "0 messages"),
        (_breaches("rolled back", keys=("k",), stands=False), "never committed"),
        (_breaches("rolled back", stands=True), "stands in its table"),
    ],
)  # fmt: skip
def test_what_breaks_the_promise_is_found(breaches: list[str], words: str) -> None:
    assert any(words in breach for breach in breaches), breaches
