"""Rendering in the database and in the senders: the same bytes, and the same walls against hostile templates."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb, set_json_loads

from dreamlit_pg import rendering
from dreamlit_pg.definition import load
from tests.helpers import (
    Connection,
    add_users,
    column,
    create_users,
    email,
    publish,
    rows,
    shift_clock,
    slack,
    value,
    work,
    workflow,
)

import json

EXAMPLES = Path(__file__).parents[2] / "examples"
