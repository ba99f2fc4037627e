"""Batches of messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from .email import Email
from .faults import FaultError, fault_of
from .fields import Compiler
from .limits import CACHED_MESSAGES, COMPILE_SECONDS, ITEM_SECONDS, METER
from .placeholders import PLACEHOLDERS
from .sandbox import GLOBALS
from .slack import Slack
from .watch import LOCK, DeadlineError, Watch

_CHANNELS: dict[str, type[Email | Slack]] = {"email": Email, "slack": Slack}
_CACHE: dict[bytes, Email | Slack] = {}


def render_batch(
    channel: str,
    templates: Mapping[str, Any],
    files: Mapping[str, str],
    contexts: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Render one message per context.

    Returns, in the order of the contexts, {"content": {...}} or {"error": {"code", "message", "field",
    "file", "line"}}; code is "template", "limit", "address", "header" or "channel". Raises nothing for any
    template or context.
    """
    with LOCK, Watch(COMPILE_SECONDS) as watch:
        METER.reset()
        try:
            message = _message(channel, templates, files)
            constants = {**GLOBALS, **PLACEHOLDERS, "brand": templates.get("brand") or {}}
        except DeadlineError:
            fault = _late(watch)
        except Exception as exc:  # noqa: BLE001 - promised: raises nothing for any template
            fault = fault_of(None, exc)
        else:
            watch.seconds = ITEM_SECONDS
            return [_rendered(message, constants, context, watch) for context in contexts]
        return [{"error": dict(fault.error)} for _ in contexts]


def _rendered(
    message: Email | Slack, constants: Mapping[str, Any], context: Mapping[str, Any], watch: Watch
) -> dict[str, Any]:
    try:
        watch.item += 1
        METER.reset()
        return {"content": message.content({**constants, **context})}
    except DeadlineError:
        fault = _late(watch)
        watch.punish()
    except Exception as exc:  # noqa: BLE001 - a bad context never fails its neighbours
        fault = fault_of(None, exc)
    return {"error": fault.error}


def _late(watch: Watch) -> FaultError:
    return FaultError(None, "limit", f"the template took longer than {watch.seconds:g} s of CPU time")


def _message(channel: str, templates: Mapping[str, Any], files: Mapping[str, str]) -> Email | Slack:
    """The compiled templates, from the cache if the same content has been compiled before."""
    if channel not in _CHANNELS:
        known = " or ".join(_CHANNELS)
        raise FaultError("channel", "channel", f"there is no channel {channel!r}: use {known}")
    # Insertion order is part of the content here: it shows in blocks and headers.
    content = json.dumps([channel, templates, files], default=str)
    key = hashlib.blake2b(content.encode(), digest_size=20).digest()
    message = _CACHE.pop(key, None)
    if message is None:
        given = {name: value for name, value in templates.items() if value is not None}
        message = _CHANNELS[channel](given, Compiler(files))
    _CACHE[key] = message
    if len(_CACHE) > CACHED_MESSAGES:
        del _CACHE[next(iter(_CACHE))]
    return message
