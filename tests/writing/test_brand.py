"""One brand for all templates, in the database and in the sender."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb
from tests.helpers import Connection, add_user, create_users, publish, rows, value, work, workflow

from dreamlit_pg.rendering import references, render_batch

BRAND = {
    "name": "Ann & Co",
    "from": "Ann <hi@ann.test>",
    "reply_to": "help@ann.test",
    "colours": {"primary": "#010203"},
}


def set_brand(admin: Connection, **brand: object) -> Any:
    return value(admin, "select dreamlit.set_brand(%s)", Jsonb(brand))


def faults_of(admin: Connection, **brand: object) -> str:
    with pytest.raises(psycopg.Error) as raised:
        set_brand(admin, **brand)
    assert raised.value.sqlstate == "DL001"
    return f"{raised.value.diag.message_primary} ({raised.value.diag.message_hint})"


def tell(**more: object) -> dict[str, Any]:
    fields = {
        "to": "{{ trigger.email }}",
        "subject": "{{ brand.name }}",
        "text": "{{ brand.colours.primary }}",
        **more,
    }
    return {"id": "tell", "email": fields}


def send(admin: Connection, app: Connection, superuser: Connection, step: dict[str, Any]) -> dict[str, Any]:
    """Publish, let one user sign up, and return the message's content."""
    create_users(admin)
    publish(admin, {**workflow(step), "references": {"steps[0].email": references(step["email"], {})}})
    add_user(app)
    work(superuser, 3)
    (message,) = rows(admin, "select content from dreamlit.messages")
    return dict(message["content"])


def test_what_nobody_set_has_a_default(reader: Connection) -> None:
    brand = value(reader, "select dreamlit.brand()")
    assert brand["name"] is None
    assert brand["colours"]["primary"].startswith("#")


def test_templates_know_it_and_emails_take_their_addresses_from_it(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    assert set_brand(admin, **BRAND)["colours"]["on_primary"] == "#ffffff"
    content = send(admin, app, superuser, tell())
    assert (content["subject"], content["text"]) == ("Ann & Co", "#010203")
    assert (content["from"], content["reply_to"]) == ("Ann <hi@ann.test>", ["help@ann.test"])


def test_an_email_with_an_address_of_its_own_keeps_it(
    admin: Connection, app: Connection, superuser: Connection
) -> None:
    set_brand(admin, **BRAND)
    content = send(admin, app, superuser, tell(**{"from": "me@own.test", "reply_to": "r@own.test"}))
    assert (content["from"], content["reply_to"]) == ("me@own.test", ["r@own.test"])


def test_the_sender_renders_with_the_same_brand(
    admin: Connection, app: Connection, superuser: Connection, sender: Connection
) -> None:
    set_brand(admin, **BRAND)
    superuser.execute("""select dreamlit.set_setting('renderer', '"sender"')""")
    create_users(admin)
    publish(admin, {**workflow(tell()), "references": {"steps[0].email": references(tell()["email"], {})}})
    add_user(app)
    work(superuser, 3)
    (claimed,) = rows(sender, "select * from dreamlit.claim('render', 'me', 10)")
    (result,) = render_batch(
        "email",
        claimed["templates"]["templates"],
        claimed["templates"]["files"],
        [claimed["content"]["context"]],
    )
    assert (result["content"]["subject"], result["content"]["from"]) == ("Ann & Co", "Ann <hi@ann.test>")


@pytest.mark.parametrize(
    ("text", "hint"),
    [("{{ brand.nmae }}", "name"), ("{{ brand.colours.primry }}", "primary"), ("{{ brand.fonts.x }}", "")],
)
def test_a_key_that_the_brand_cannot_have_is_a_fault_at_publish(
    admin: Connection, text: str, hint: str
) -> None:
    create_users(admin)
    step = tell(text=text)
    with pytest.raises(psycopg.Error, match="the brand has no") as raised:
        publish(admin, {**workflow(step), "references": {"steps[0].email": references(step["email"], {})}})
    assert hint in str(raised.value.diag.message_detail)


def test_a_step_may_be_called_brand(admin: Connection, app: Connection, superuser: Connection) -> None:
    create_users(admin)
    steps = [
        {"id": "brand", "query": "select trigger.name as name"},
        {"id": "tell", "email": {"to": "{{ trigger.email }}", "subject": "{{ brand.name }}", "text": "x"}},
    ]
    publish(admin, {**workflow(*steps), "references": {"steps[1].email": references(steps[1]["email"], {})}})  # type: ignore[arg-type]
    add_user(app)
    work(superuser, 4)
    assert value(admin, "select content ->> 'subject' from dreamlit.messages") == "ann"


@pytest.mark.parametrize(
    ("brand", "fault"),
    [
        ({"nmae": "x"}, "unknown key nmae (did you mean name?)"),
        ({"name": 1}, "1 is no text"),
        ({"name": "a\r\nBcc: x@y.z"}, "more than one line"),
        ({"logo": "javascript:alert(1)"}, "no address of the web"),
        ({"url": 'https://x.test/"onclick='}, "no address of the web"),
        ({"colours": {"primary": "red; background: url(x)"}}, "cannot stand in a style"),
        ({"colours": {"primry": "#fff"}}, "did you mean primary?"),
        ({"colours": "red"}, "no mapping"),
        ({"fonts": {"body": 'x"; color: red'}}, "cannot stand in a style"),
        ({"from": "nobody"}, "no address"),
    ],
)
def test_what_would_break_a_style_or_a_header_is_refused(
    admin: Connection, brand: dict[str, object], fault: str
) -> None:
    assert fault in faults_of(admin, **brand)


def test_only_publishers_set_it_and_it_is_in_the_log(
    admin: Connection, sender: Connection, superuser: Connection
) -> None:
    set_brand(admin, name="Ann")
    assert value(superuser, "select count(*) from dreamlit._audit_log where action = 'set brand'") == 1
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        set_brand(sender, name="Bob")
