"""Prints messages instead of sending them, for trying things out."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from dreamlit_sender.transport import Message, Outcome


class ConsoleTransport:
    """Prints each message and calls it sent; provider is "console"."""

    def __init__(self, channel: str, *, stream: TextIO | None = None) -> None:
        self._channel = channel
        self._stream = stream or sys.stdout

    async def deliver(self, message: Message) -> Outcome:
        """Print the message. Nothing leaves this process."""
        message.handover.not_yet()
        lines = [f"--- {self._channel} {message.message_id} (attempt {message.attempt})"]
        lines += [
            f"{key}: {_shown(value)}" for key, value in message.content.items() if value not in (None, [], {})
        ]
        text = _printable("\n".join(lines))
        message.handover.begins()
        print(text, file=self._stream, flush=True)
        return Outcome.sent(provider="console", provider_id=f"console-{message.message_id}")

    async def aclose(self) -> None:
        """Nothing to give back."""


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _printable(text: str) -> str:
    """Take out what could steer a terminal, and what UTF-8 cannot hold."""
    kept = "".join(char for char in text if char in "\n\t" or (char.isprintable()))
    return kept.encode("utf-8", "replace").decode("utf-8")
