from __future__ import annotations

from tests.advance.conftest import Run, run, states
from tests.outbox.conftest import Sender, me, other

__all__ = ["Run", "Sender", "me", "other", "run", "states"]
