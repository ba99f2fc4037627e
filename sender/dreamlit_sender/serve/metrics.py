"""Samples in Prometheus' text format, https://prometheus.io/docs/instrumenting/exposition_formats/."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MEANINGS = {
    "database_up": "Whether the database answers.",
    "queue_depth": "Events or messages that wait in a queue.",
    "queue_oldest_seconds": "The age of the oldest that could be taken now.",
    "check_state": "A check of dreamlit.health: 0 ok, 1 warning, 2 critical.",
    "senders_alive": "Senders seen in the last 30 seconds.",
    "workers_alive": "Workers seen in the last 30 seconds.",
    "last_work_seconds": "The time since a worker's last tick.",
    "tasks_overdue": "Tasks due for more than ten seconds.",
    "messages_held": "Messages held for a person, by reason.",
    "runs_open": "Runs with open tasks.",
    "runs_finished_last_hour": "Runs that ended in the last hour, by state.",
    "messages_last_hour": "Messages made in the last hour, by channel and state.",
    "alerts_open": "Troubles that the owner was told of and that last.",
    "serve_events_buffered": "Opens and clicks not yet written.",
    "serve_events_written_total": "Opens and clicks written by this process.",
    "serve_events_dropped_total": "Opens and clicks lost by this process.",
    "serve_events_elsewhere_total": "Events of webhooks that name another database, left to it.",
    "serve_requests_total": "Answers of this process.",
}


def render(samples: Iterable[tuple[str, Mapping[str, str], float]]) -> str:
    """Return the samples, each metric's together under its name."""
    families: dict[str, list[str]] = {}
    for name, labels, value in samples:
        pairs = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in sorted(labels.items()))
        families.setdefault(name, []).append(f"dreamlit_{name}{{{pairs}}} {value:.15g}")
    lines = []
    for name, found in families.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [
            f"# HELP dreamlit_{name} {_MEANINGS.get(name, name)}",
            f"# TYPE dreamlit_{name} {kind}",
            *found,
        ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
