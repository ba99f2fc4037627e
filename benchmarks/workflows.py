"""The tables and the workflow that the benches watch."""

from __future__ import annotations

from typing import Any

TEMPLATE = """\
<!doctype html>
<html><body>
<h1>Hello {{ trigger.name }}</h1>
<p>Your order over {{ trigger.amount }} has been paid.
We will write to {{ trigger.email }} when it leaves.</p>
</body></html>
"""
COLUMNS = (
    "id bigint generated always as identity primary key, name text, email text, amount numeric, note text"
)
ROW = "'Person ' || i, 'person' || i || '@example.com', i % 1000 + 0.99, repeat('x', 40)"
"""One row's values but the id, over i."""


def paid(table: str, **options: Any) -> dict[str, Any]:
    """A workflow with one e-mail of three rendered fields (to, subject, html) for each new row."""
    trigger = {"table": table, "on": "insert", **options}
    email = {"to": "{{ trigger.email }}", "subject": "Order of {{ trigger.name }}", "template": "paid.html"}
    return {
        "workflow": table.replace("app.", "on_"),
        "trigger": trigger,
        "steps": [{"id": "receipt", "email": email}],
        "files": {"paid.html": TEMPLATE},
    }
