from __future__ import annotations

from tests.advance.conftest import Run, run, states
from tests.outbox.conftest import Sender, me, message, other

__all__ = ["Run", "Sender", "me", "message", "other", "run", "states"]
