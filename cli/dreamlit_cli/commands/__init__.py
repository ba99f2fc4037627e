"""The commands, a module a group."""

from __future__ import annotations

from dreamlit_cli.commands import (
    brand,
    bulk,
    engagement,
    installation,
    logs,
    messages,
    people,
    preview,
    runs,
    sender,
    templates,
    versions,
    workflows,
)

ALL = (
    *installation.ALL,
    *workflows.ALL,
    *versions.ALL,
    *runs.ALL,
    *messages.ALL,
    *bulk.ALL,
    *logs.ALL,
    *people.ALL,
    *brand.ALL,
    *templates.ALL,
    *preview.ALL,
    *engagement.ALL,
    *sender.ALL,
)
