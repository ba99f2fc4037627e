"""The work of one job, the same for every peer: render three fields, hand them to a null sink."""

from __future__ import annotations

from typing import Any

from jinja2 import Environment

from benchmarks.workflows import TEMPLATE

BATCH = 1000
"""Jobs that are enqueued at once."""

handed_over = 0
"""What the null sink has taken. In every peer's worker one thread alone delivers."""

_html = Environment(autoescape=True).from_string(TEMPLATE)
_text = Environment(autoescape=False)
_to = _text.from_string("{{ trigger.email }}")
_subject = _text.from_string("Order of {{ trigger.name }}")


def document(number: int) -> dict[str, Any]:
    """A job's data: what the engine captures of a row."""
    return {
        "id": number,
        "name": f"Person {number}",
        "email": f"person{number}@example.com",
        "amount": number % 1000 + 0.99,
    }


def batches(count: int) -> list[list[dict[str, Any]]]:
    """All jobs' data in lists of BATCH."""
    numbers = range(1, count + 1)
    return [[document(n) for n in numbers[first : first + BATCH]] for first in range(0, count, BATCH)]


def deliver(trigger: dict[str, Any]) -> None:
    """Render, and drop what comes out."""
    global handed_over  # noqa: PLW0603
    message = {
        "to": _to.render(trigger=trigger),
        "subject": _subject.render(trigger=trigger),
        "html": _html.render(trigger=trigger),
    }
    handed_over += 1 if message["html"] else 0


def warm() -> None:
    """Take what the first rendering costs, before anybody looks at the clock."""
    global handed_over  # noqa: PLW0603
    deliver(document(0))
    handed_over = 0
