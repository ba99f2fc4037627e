"""The commands, a module a group."""

from __future__ import annotations

from dreamlit_cli.commands import installation, messages, runs, sender, workflows

ALL = (*installation.ALL, *workflows.ALL, *runs.ALL, *messages.ALL, *sender.ALL)
