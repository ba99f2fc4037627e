"""The thin external sender: claims messages, delivers them, reports facts. It decides nothing."""

from __future__ import annotations

from dreamlit_sender.config import Config
from dreamlit_sender.loop import run, serve
from dreamlit_sender.transport import Handover, Message, Outcome, Transport

__all__ = ["Config", "Handover", "Message", "Outcome", "Transport", "run", "serve"]
