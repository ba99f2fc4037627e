"""Results that the database has not acknowledged yet."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dreamlit_sender.database import Result, ResultsRejectedError, Session
from dreamlit_sender.log import log_event

if TYPE_CHECKING:
    from collections.abc import Sequence

LARGEST_REPORT = 1000


class Reporter:
    """Keeps results until the database has acknowledged them; an outage loses none of them."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._pending: list[Result] = []

    def __len__(self) -> int:
        return len(self._pending)

    def add(self, result: Result) -> None:
        """Keep a result for the next report."""
        self._pending.append(result)

    async def report(self, session: Session, starting: Sequence[Result] = ()) -> dict[int, str]:
        """Report what is pending together with `starting`; return the answer, message by message.

        Raises DatabaseTroubleError, and then everything is still pending. Results that the database rejects
        for what they say are reported one by one, and those at fault are given up with an error in the log.
        """
        batch = self._pending[:LARGEST_REPORT]
        if not batch and not starting:
            return {}
        try:
            answer = await session.report([*batch, *starting])
        except ResultsRejectedError:
            answer = await self._one_by_one(session, batch, starting)
        else:
            del self._pending[: len(batch)]
        self._note_surprises(batch, answer)
        return answer

    def log_lost(self) -> None:
        """Log each result that will never be reported."""
        for result in self._pending:
            fields = {key: result.get(key) for key in ("attempt", "outcome", "fault", "code", "provider_id")}
            log_event(
                logging.ERROR, "unreported", channel=self._channel, message=result["message_id"], **fields
            )

    async def _one_by_one(
        self, session: Session, batch: Sequence[Result], starting: Sequence[Result]
    ) -> dict[int, str]:
        answer: dict[int, str] = {}
        for result in batch:
            try:
                answer |= await session.report([result])
            except ResultsRejectedError as error:
                if result["outcome"] == "rendered":
                    self._pending.append(_unstorable(result))
                else:
                    log_event(logging.ERROR, "rejected", message=result["message_id"], error=str(error))
            self._pending.pop(0)
        for result in starting:
            try:
                answer |= await session.report([result])
            except ResultsRejectedError as error:
                log_event(logging.ERROR, "rejected", message=result["message_id"], error=str(error))
        return answer

    def _note_surprises(self, batch: Sequence[Result], answer: dict[int, str]) -> None:
        for result in batch:
            if result["message_id"] not in answer:
                log_event(
                    logging.WARNING,
                    "not_ours",
                    channel=self._channel,
                    message=result["message_id"],
                    attempt=result["attempt"],
                    outcome=result["outcome"],
                )


def _unstorable(result: Result) -> Result:
    return {
        "message_id": result["message_id"],
        "attempt": result["attempt"],
        "outcome": "failed",
        "fault": "recipient",
        "code": "content",
        "error": "the rendered content cannot be stored as jsonb",
    }
