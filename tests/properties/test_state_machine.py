"""Random definitions, changes, failures and interventions: after each the books balance, and in the end all is done.

The long form, with many more and longer examples: DREAMLIT_FAULTS=long.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from tests.helpers import Connection, value
from tests.outbox.conftest import Sender

from .definitions import Published, Row, definitions
from .world import CHANNELS, WORKFLOWS, World

LONG = os.environ.get("DREAMLIT_FAULTS") == "long"

names = st.sampled_from(WORKFLOWS)
numbers = st.integers(0, 1000)
"""One of those that are there: the n-th, counted round and round."""
seldom = st.sampled_from([False, False, True])
"""For what would else leave too little to look at."""

thing = st.fixed_dictionaries(
    {
        "thing_id": st.integers(1, 6),
        "n": st.sampled_from([0, 1, 2, 3, None]),
        "grp": st.sampled_from(["a", "b", None]),
        "email": st.sampled_from(["ann@example.com", "Bo <bo@example.com>", "ann@example.com", ""]),
        "at": st.sampled_from([None, "2000-01-01", (datetime.now(UTC) + timedelta(days=4)).isoformat()]),
    }
)
change = st.tuples(st.sampled_from(["upsert", "upsert", "upsert", "delete"]), thing)
outcomes = st.sampled_from(
    [
        {"outcome": "sent"},
        {"outcome": "failed", "fault": "recipient"},
        {"outcome": "failed", "fault": "transient"},
        {"outcome": "failed", "fault": "transient", "retry_after": 120},
        {"outcome": "failed", "fault": "configuration"},
        {"outcome": "failed", "fault": "unknown"},
        {"outcome": "released"},
    ]
)
Fate = tuple[dict[str, Any], bool, bool]
fate = st.tuples(outcomes, st.booleans(), st.sampled_from([False, False, False, True]))
"""Of a delivery: what the sender finds out, whether the provider took the message, whether the sender dies."""


class Engine(RuleBasedStateMachine):
    """Everything that anybody may do, in any order."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.published: dict[str, Published] = {}
        self.paused: set[str] = set()
        self.things: dict[int, Row] = {}
        self.expected: Counter[tuple[str, str, int]] = Counter()
        self.claimed: list[tuple[Sender, dict[str, Any]]] = []
        self.under_way: list[tuple[Sender, dict[str, Any]]] = []
        self.answered: list[tuple[Sender, dict[str, Any]]] = []
        self.deliveries: Counter[int] = Counter()
        self.cancelled: set[int] = set()

    @initialize(
        renderer=st.sampled_from(["database", "sender"]),
        published=definitions(WORKFLOWS[0], always=True),
        things=st.lists(thing, min_size=2, max_size=6),
    )
    def begin(self, renderer: str, published: Published, things: list[Row]) -> None:
        self.world.reset(renderer=renderer)
        self._publish(published)
        self.change(changes=[("upsert", row) for row in things], commits=True)
        self.world.work()

    # The publisher ------------------------------------------------------------------------------

    @rule(published=names.flatmap(definitions))
    def publish(self, published: Published) -> None:
        self._publish(published)

    def _publish(self, published: Published) -> None:
        self.world.publish(published.definition)
        self.published[published.definition["workflow"]] = published

    @rule(name=names, cancel=st.booleans(), happens=seldom)
    def unpublish(self, name: str, cancel: bool, happens: bool) -> None:
        if happens and name in self.published:
            self.world.admin.execute("select dreamlit.unpublish(%s, %s)", [name, cancel])
            del self.published[name]
            self.paused.discard(name)

    # The application ----------------------------------------------------------------------------

    @rule(
        changes=st.lists(change, min_size=1, max_size=4), commits=st.sampled_from([True, True, True, False])
    )
    def change(self, changes: list[tuple[str, Row]], commits: bool) -> None:
        things, expected = dict(self.things), Counter(self.expected)
        app = self.world.app
        with app.transaction(force_rollback=not commits):
            for operation, row in changes:
                self._change(app, things, expected, operation, row)
        if commits:
            self.things, self.expected = things, expected

    def _change(
        self,
        app: Connection,
        things: dict[int, Row],
        expected: Counter[tuple[str, str, int]],
        operation: str,
        row: Row,
    ) -> None:
        there = row["thing_id"] in things
        if operation == "delete":
            if not there:
                return
            row = things.pop(row["thing_id"])
            app.execute("delete from public.things where thing_id = %(thing_id)s", row)
        elif there:
            operation = "update"
            things[row["thing_id"]] = row
            app.execute(
                "update public.things set n = %(n)s, grp = %(grp)s, email = %(email)s, at = %(at)s"
                " where thing_id = %(thing_id)s",
                row,
            )
        else:
            operation = "insert"
            things[row["thing_id"]] = row
            app.execute(
                "insert into public.things values (%(thing_id)s, %(n)s, %(grp)s, %(email)s, %(at)s)", row
            )
        for name, published in self.published.items():
            if operation in published.operations and published.matches(row["n"]):
                expected[name, operation, row["thing_id"]] += 1

    # The worker and the clock -------------------------------------------------------------------

    @rule()
    def work(self) -> None:
        self.world.work()

    @rule(interval=st.sampled_from(["1 second", "61 seconds", "15 minutes", "2 hours", "3 days"]))
    def pass_time(self, interval: str) -> None:
        self.world.pass_time(interval)

    # The senders --------------------------------------------------------------------------------

    @rule(sender=st.integers(0, 1), channel=st.sampled_from(CHANNELS), quantity=st.integers(1, 5))
    def claim(self, sender: int, channel: str, quantity: int) -> None:
        found = self.world.senders[sender]
        self.claimed += [(found, row) for row in found.claim(quantity, channel=channel)]

    @rule(sender=st.integers(0, 1))
    def render(self, sender: int) -> None:
        self.world.render(self.world.senders[sender])

    @rule(sender=st.integers(0, 1), fates=st.lists(fate, min_size=1, max_size=5))
    def deliver(self, sender: int, fates: list[Fate]) -> None:
        """What the worker has ready goes out, as far as there are fates for it."""
        self.world.work()
        self.world.render(self.world.senders[sender])
        self.world.work()
        for channel in CHANNELS:
            self.claim(sender, channel, len(fates))
        for outcome, delivered, dies in fates:
            if self.claimed:
                self._deliver(*self.claimed.pop(), outcome, delivered=delivered, dies=dies)

    def _deliver(
        self, sender: Sender, row: dict[str, Any], outcome: dict[str, Any], *, delivered: bool, dies: bool
    ) -> None:
        """One delivery; the sender may die after it began, whether the provider took the message or not."""
        if sender.report(row, "started") != "sending":
            self.answered.append((sender, row))
            return
        self._may_be_delivered(row["message_id"])
        if outcome["outcome"] == "sent" or (delivered and (dies or outcome.get("fault") == "unknown")):
            self.deliveries[row["message_id"]] += 1
        if dies:
            self.under_way.append((sender, row))
        else:
            sender.report(row, **outcome)
            self.answered.append((sender, row))

    def _may_be_delivered(self, message_id: int) -> None:
        message = self.world.message(message_id)
        assert message["state"] == "queued"
        assert message["workflow_state"] != "paused"
        assert message["run_id"] not in self.cancelled

    @rule(number=numbers, outcome=outcomes.filter(lambda found: found["outcome"] != "sent"))
    def give_up_before_the_start(self, number: int, outcome: dict[str, Any]) -> None:
        if not self.claimed:
            return
        sender, row = self.claimed.pop(number % len(self.claimed))
        sender.report(row, **outcome)
        self.answered.append((sender, row))

    @rule(number=numbers)
    def report_late(self, number: int) -> None:
        """The sender that fell silent comes back with what it knows: the message went out."""
        if not self.under_way:
            return
        sender, row = self.under_way.pop(number % len(self.under_way))
        self.deliveries[row["message_id"]] = max(self.deliveries[row["message_id"]], 1)
        sender.report(row, "sent")
        self.answered.append((sender, row))

    @rule(number=numbers, outcome=outcomes.filter(lambda found: found["outcome"] != "sent"))
    def report_again(self, number: int, outcome: dict[str, Any]) -> None:
        """A report of what is answered already, or was taken over by somebody else."""
        if self.answered:
            sender, row = self.answered[number % len(self.answered)]
            sender.report(row, **outcome)

    # The operator -------------------------------------------------------------------------------

    @rule(name=names, pauses=st.booleans())
    def pause_or_resume(self, name: str, pauses: bool) -> None:
        self.world.attempt(f"select dreamlit.{'pause' if pauses else 'resume'}(%s)", name)

    @rule(name=names, enters=st.booleans())
    def enter_or_leave_sandbox(self, name: str, enters: bool) -> None:
        self.world.attempt("select dreamlit.set_sandbox(%s, %s)", name, enters)

    @rule(number=numbers, happens=seldom)
    def cancel(self, number: int, happens: bool) -> None:
        if happens and (runs := self.world.open_runs()):
            run = runs[number % len(runs)]
            self.world.admin.execute("select dreamlit.cancel_run(%s)", [run])
            self.cancelled.add(run)

    @rule(number=numbers)
    def retry(self, number: int) -> None:
        if runs := self.world.all_runs():
            run = runs[number % len(runs)]
            if self.world.attempt("select dreamlit.retry_run(%s)", run):
                self.cancelled.discard(run)

    @rule(name=names)
    def retry_failed(self, name: str) -> None:
        self.world.attempt("select tasks from dreamlit.retry_failed(%s)", name)

    @rule(number=numbers)
    def rerun(self, number: int) -> None:
        if runs := self.world.all_runs():
            new = self.world.attempt("select dreamlit.rerun(%s)", runs[number % len(runs)])
            if new is not None:
                event = self.world.superuser.execute(
                    "select workflow, operation, (payload -> 'trigger' -> 'thing_id')::integer"
                    " from dreamlit.event_log where run_id = %s",
                    [new],
                ).fetchone()
                self.expected[event] += 1  # type: ignore[index]

    @rule(number=numbers)
    def release(self, number: int) -> None:
        if held := self.world.held():
            self.world.admin.execute("select dreamlit.release(%s)", [held[number % len(held)]])

    @rule(number=numbers, delivered=st.booleans())
    def discard(self, number: int, delivered: bool) -> None:
        if held := self.world.held():
            self.world.admin.execute("select dreamlit.discard(%s, %s)", [held[number % len(held)], delivered])

    # What holds ---------------------------------------------------------------------------------

    @invariant()
    def the_books_balance(self) -> None:
        self.world.check()
        assert self.world.events() == self.expected
        self._nothing_is_delivered_twice_unless_shown()

    def _nothing_is_delivered_twice_unless_shown(self) -> None:
        for message, deliveries in self.deliveries.items():
            if deliveries > 1:
                shown = value(
                    self.world.superuser,
                    "select count(*) from dreamlit._attempts where message_id = %s and outcome = 'unknown'",
                    message,
                )
                assert shown >= deliveries - 1

    def teardown(self) -> None:
        if self.published:
            self.world.finish()
            assert self.world.events() == self.expected


@pytest.fixture
def world(connect: Callable[..., Connection]) -> World:
    """One database for all examples."""
    return World(connect)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(40 if LONG else 4))
def test_whatever_is_done_the_books_balance_and_everything_ends(world: World, number: int) -> None:
    """Several seeds: within one, examples tend to be variations of each other."""
    run_state_machine_as_test(
        seed(number)(partial(Engine, world)),
        settings=settings(
            max_examples=30 if LONG else 6,
            stateful_step_count=80 if LONG else 50,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink] if LONG else [Phase.generate],  # shrinking takes minutes
            print_blob=False,
        ),
    )
