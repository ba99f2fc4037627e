from __future__ import annotations

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, value


def _set(admin: Connection, name: str, to: object) -> object:
    return value(admin, "select dreamlit.set_setting(%s, %s)", name, Jsonb(to))


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("lease", "2 minutes"),
        ("batch", 50),
        ("keep_history", "30 days"),
        ("capture_replicated", True),
        ("keep_failed_versions", "1 day"),
        ("renderer", "sender"),
        ("renderer", "database"),
    ],
)
def test_a_setting_can_be_set(admin: Connection, superuser: Connection, name: str, to: object) -> None:
    assert _set(admin, name, to) == to
    assert value(superuser, "select dreamlit._setting(%s)", name) == to


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("lease", "soon"),
        ("lease", 60),
        ("lease", "0"),
        ("lease", "-1 second"),
        ("lease", None),
        ("batch", 0),
        ("batch", 1.5),
        ("batch", "many"),
        ("batch", None),
        ("batch", 10**9),
        ("keep_history", "-1 day"),
        ("capture_replicated", "yes"),
        ("capture_replicated", None),
        ("keep_history", None),
        ("keep_history", []),
        ("keep_failed_versions", "x"),
        ("renderer", "browser"),
        ("renderer", None),
    ],
)
def test_a_wrong_value_is_refused(admin: Connection, superuser: Connection, name: str, to: object) -> None:
    before = value(superuser, "select dreamlit._setting(%s)", name)
    with pytest.raises(psycopg.Error) as caught:
        _set(admin, name, to)
    assert caught.value.sqlstate == "DL001"
    assert caught.value.diag.message_hint
    assert value(superuser, "select dreamlit._setting(%s)", name) == before


def test_an_unknown_setting_is_refused_with_the_nearest(admin: Connection) -> None:
    with pytest.raises(psycopg.Error, match="no setting leese") as caught:
        _set(admin, "leese", "1 minute")
    assert caught.value.sqlstate == "DL002"
    assert "lease" in str(caught.value.diag.message_hint)


def test_the_database_cannot_be_the_renderer_where_it_has_no_python(
    admin: Connection, superuser: Connection
) -> None:
    superuser.execute("drop function dreamlit._run_python(text, jsonb)")
    with pytest.raises(psycopg.Error) as caught:
        _set(admin, "renderer", "database")
    assert caught.value.sqlstate == "DL001"


def test_a_sender_may_not_change_settings(sender: Connection) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _set(sender, "batch", 5)
