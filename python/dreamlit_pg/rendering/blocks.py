"""How long the texts of a Slack message may be, once templates have made them.

The numbers are those of dreamlit._block_limits(), which checks what no template makes when a workflow is
published. A text that is too long fails its message: cut off it could say the opposite, or lose its link.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .fields import Finish
from .limits import LimitError

MAX_MESSAGE_TEXT = 40_000
_URL = 3000
# By the type of the object and the key under which the text, or the text object, stands.
_MOST: Mapping[tuple[str, str], int] = {
    ("section", "text"): 3000,
    ("section", "fields"): 2000,
    ("header", "text"): 150,
    ("image", "alt_text"): 2000,
    ("image", "image_url"): _URL,
    ("image", "title"): 2000,
    ("context", "elements"): 3000,
    ("input", "label"): 2000,
    ("input", "hint"): 2000,
    ("markdown", "text"): 12_000,
    ("video", "alt_text"): 2000,
    ("video", "title"): 200,
    ("video", "description"): 200,
    ("video", "thumbnail_url"): _URL,
    ("video", "video_url"): _URL,
    ("video", "title_url"): _URL,
    ("video", "author_name"): 50,
    ("button", "text"): 75,
    ("button", "url"): _URL,
    ("button", "value"): 2000,
    ("button", "accessibility_label"): 75,
    ("workflow_button", "text"): 75,
}


def standing(parent: Mapping[str, Any], parent_key: str, key: str, most: int | None) -> int | None:
    """How long a text under ``key`` of ``parent`` may be; ``most`` is what the place of ``parent`` allows."""
    kind = parent.get("type")
    if kind in ("plain_text", "mrkdwn"):
        return most if key == "text" else None
    if key == "placeholder":
        return 150
    if key in ("block_id", "action_id"):
        return 255
    if kind is None and parent_key == "options":
        return {"text": 75, "value": 150}.get(key)
    return _MOST.get((str(kind), key))


def measure(place: str, most: int | None, finish: Finish) -> Finish:
    """The finish that also refuses what Slack would find too long, or empty."""
    if most is None:
        return finish

    def measured(text: str) -> Any:
        done = finish(text)
        length = len(str(done))
        if length > most:
            raise LimitError(f"{place} is {length} characters long: Slack takes at most {most}")
        return done

    return measured
