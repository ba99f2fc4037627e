"""The entries of `dreamlit.report`'s array."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from dreamlit_sender.transport import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dreamlit_sender.database import Claimed, Result
    from dreamlit_sender.secret import Redactor

_LONGEST = 1000


def started(claimed: Claimed, *, idempotent_with: str | None = None) -> Result:
    """About to be handed to the provider; `idempotent_with` names one that takes it once only."""
    entry = _entry(claimed, "started")
    return entry | {"idempotent": True, "provider": idempotent_with} if idempotent_with else entry


def released(claimed: Claimed) -> Result:
    """Surely not handed to the provider: anybody may have it, and it counts as no attempt."""
    return _entry(claimed, "released")


def rendered(claimed: Claimed, content: Mapping[str, Any]) -> Result:
    """Rendered (channel render)."""
    return _entry(claimed, "rendered") | {"content": dict(content)}


def unfit(claimed: Claimed, *, code: str, error: str, redact: Redactor) -> Result:
    """A failure that lies in the item itself (a template that fails for it)."""
    return finished(claimed, Outcome.failed("recipient", code=code, error=error), redact)


def finished(claimed: Claimed, outcome: Outcome, redact: Redactor) -> Result:
    """Delivered or failed; texts of providers are freed of secrets and of what jsonb cannot hold."""
    entry = _entry(claimed, outcome.outcome)
    for key in ("fault", "code", "error", "provider", "provider_id"):
        value = getattr(outcome, key)
        if value is not None:
            entry[key] = redact(str(value))[:_LONGEST]
    if outcome.retry_after is not None and math.isfinite(outcome.retry_after):
        entry["retry_after"] = max(0.0, outcome.retry_after)
    if outcome.doubtful:
        entry["doubtful"] = True
    return entry


def _entry(claimed: Claimed, outcome: str) -> Result:
    return {"message_id": claimed.message_id, "attempt": claimed.attempt, "outcome": outcome}
