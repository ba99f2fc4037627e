"""The templates that come with the package: published, sent through the engine, and held to what email asks for."""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Iterator
from email import message_from_bytes, policy
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.wheel import WheelBuilder
from psycopg.types.json import Jsonb
from tests.helpers import Connection, publish, rows, work
from tests.writing.samples import BRAND, ITEMS

from dreamlit_pg.definition import read_workflow
from dreamlit_pg.errors import DreamlitError
from dreamlit_pg.previews import doubts
from dreamlit_pg.ready_made import FOLDER, copy_ready_made, ready_made
from dreamlit_pg.rendering import PLACEHOLDERS, references, render_batch
from dreamlit_sender.message import build_mail, plain_text

TEMPLATES = {template.name: template for template in ready_made()}
NAMES = sorted(TEMPLATES)
TOPICS = ["comment", "digest"]

# The application that the examples speak of, and the row that makes each of them write.
SCHEMA = """
    create table public.users (user_id int primary key, email text, name text);
    create table public.posts (post_id int primary key, digest_id int, title text, summary text);
    create table public.comments (comment_id int primary key, post_id int, user_id int, body text);
    create table public.digests (digest_id int primary key);
    create table public.teams (team_id int primary key, name text);
    create table public.invitations (
        invitation_id int primary key, team_id int, user_id int, email text, token text, expires_at timestamptz);
    create table public.password_resets (reset_id int primary key, email text, token text, expires_at timestamptz);
    create table public.orders (
        order_id int primary key, email text, paid_at timestamptz, total numeric(10, 2), currency text);
    create table public.order_lines (order_id int, name text, quantity int, amount numeric(10, 2));
    create table public.incidents (
        incident_id int primary key, title text, severity text, detail text, source text, happened_at timestamptz);
    insert into public.users values (1, 'ann@example.com', 'Ann'), (2, null, 'Grace <Hopper>');
    insert into public.posts values (7, 1, 'Tea & toast', 'A morning.'), (8, 1, 'Bread', 'An afternoon.');
    insert into public.teams values (3, 'Readers');
    insert into public.order_lines values (42, 'Cup', 2, 9), (42, 'Tea', 1, 3.5);
"""
HAPPENS = {
    "alert": "public.incidents values (5, 'Disk full', 'critical', 'No <space> left', 'db1', '2026-03-02 09:14+00')",
    "comment": "public.comments values (1, 7, 2, 'So **good**')",
    "digest": "public.digests values (1)",
    "invitation": "public.invitations values (1, 3, 2, 'bob@example.com', 'a+b', '2026-03-16 12:00+00')",
    "password_reset": "public.password_resets values (1, 'ann@example.com', 'a+b', '2026-03-02 13:30+00')",
    "receipt": "public.orders values (42, 'ann@example.com', '2026-03-02 09:14+00', 12.5, 'EUR')",
    "welcome": "public.users values (3, 'ann@example.com', 'Ann & Bob')",
}
SUBJECTS = {
    "alert": "[critical] Disk full",
    "comment": "Grace <Hopper> commented on Tea & toast",
    "digest": "2 new posts",
    "invitation": "Grace <Hopper> invites you to Readers",
    "password_reset": "Choose a new password",
    "receipt": "Your receipt for order 42",
    "welcome": "Welcome to Fernhill Books",
}
PREHEADERS = {
    "alert": "db1: No &lt;space&gt; left",
    "comment": "So **good**",
    "digest": "Tea &amp; toast, Bread",
    "invitation": "The invitation is open until March 16, 2026.",
    "password_reset": "The link works once, and not for long.",
    "receipt": "€12.50 paid. Thank you.",
    "welcome": "Your account is ready. Here is how to begin.",
}
# What the message says, and where its button leads.
SAYS = {
    "alert": (["CRITICAL", "Disk full", "No <space> left", "db1", "March 2, 2026, 09:14 UTC"], "incidents/5"),
    "comment": (["Grace <Hopper> commented", "Tea & toast", "So good"], "posts/7"),
    "digest": (["Hello Ann, 2 posts have come", "Tea & toast", "A morning.", "Bread"], "posts/7"),
    "invitation": (["Join Readers", "Grace <Hopper>", "March 16, 2026"], "invitations/a%2Bb"),
    "password_reset": (["ann@example.com", "March 2, 2026, 13:30 UTC"], "reset/a%2Bb"),
    "receipt": (
        ["Order 42", "March 2, 2026", "Cup \u00d7 2", "€9.00", "Tea", "Total", "€12.50"],
        "orders/42",
    ),
    "welcome": (["Welcome, Ann & Bob"], ""),
}


class Reader(HTMLParser):
    """What a mail program finds: images, links, and the names of the elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        if tag == "img":
            self.images.append(dict(attrs))
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")


def document(name: str, folder: Path) -> dict[str, Any]:
    """What is published of the example, with the template copied as people copy it."""
    copy_ready_made(name, folder / "templates")
    (folder / f"{name}.yaml").write_text(TEMPLATES[name].example, "utf-8")
    return read_workflow(folder / f"{name}.yaml").document


def rendered(
    name: str, folder: Path, item: dict[str, Any] | None = None, /, **brand: object
) -> dict[str, Any]:
    """The example's email of an item (else the sample), with the sample's brand but for what is given."""
    definition = document(name, folder)
    email = next(step["email"] for step in definition["steps"] if "email" in step)
    templates = {**email, "brand": {**BRAND, **brand}}
    return render_batch("email", templates, definition["files"], [item or ITEMS[name]])[0]


def content(
    name: str, folder: Path, item: dict[str, Any] | None = None, /, **brand: object
) -> dict[str, Any]:
    found = rendered(name, folder, item, **brand)
    assert "content" in found, found
    return dict(found["content"])


def replaced(value: Any, make: Any) -> Any:
    """The item with each of its texts made into another."""
    if isinstance(value, dict):
        return {key: replaced(each, make) for key, each in value.items()}
    if isinstance(value, list):
        return [replaced(each, make) for each in value]
    return make(value) if isinstance(value, str) else value


@pytest.fixture
def application(admin: Connection) -> None:
    """The tables, and what an email of a topic needs."""
    admin.execute(SCHEMA.encode())
    brand = {key: value for key, value in BRAND.items() if value is not None}
    admin.execute("select dreamlit.set_brand(%s)", [Jsonb(brand)])
    admin.execute("select dreamlit.set_topic('news', 'Our news')")
    admin.execute("""select dreamlit.set_setting('public_url', '"https://mail.example.com"')""")


def by_the_database(superuser: Connection, sender: Connection) -> Iterator[dict[str, Any]]:
    for row in rows(superuser, "select content from dreamlit.messages"):
        yield row["content"]


def by_the_sender(superuser: Connection, sender: Connection) -> Iterator[dict[str, Any]]:
    for row in rows(sender, "select * from dreamlit.claim('render', 'me', 10)"):
        given = row["templates"]
        yield render_batch("email", given["templates"], given["files"], [row["content"]["context"]])[0][
            "content"
        ]


@pytest.mark.parametrize("renderer", [by_the_database, by_the_sender])
@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_published_and_writes_what_it_should(
    name: str,
    renderer: Any,
    application: None,
    admin: Connection,
    app: Connection,
    superuser: Connection,
    sender: Connection,
    tmp_path: Path,
) -> None:
    if renderer is by_the_sender:
        superuser.execute("""select dreamlit.set_setting('renderer', '"sender"')""")
    publish(admin, document(name, tmp_path))
    app.execute(f"insert into {HAPPENS[name]}".encode())
    work(superuser, 5)
    (email,) = renderer(superuser, sender)
    assert email["subject"] == SUBJECTS[name]
    assert f">{PREHEADERS[name]}&#847;" in email["html"]
    mail = message_from_bytes(build_mail(1, email, default_from="q@example.com").data, policy=policy.default)
    parts = {part.get_content_type(): part.get_content() for part in mail.walk() if not part.is_multipart()}
    assert set(parts) == {"text/plain", "text/html"}
    lines = parts["text/plain"].splitlines()
    assert [line for line in lines if line != line.strip()] == []
    words = " ".join(parts["text/plain"].split())
    said, path = SAYS[name]
    assert [each for each in said if each not in words] == []
    assert unescape(PREHEADERS[name]) not in words
    assert f"https://fernhill.example/{path}" in Reader(parts["text/html"]).links
    assert f"https://fernhill.example/{path}" in words
    assert "12 Long Row" in words


def test_nobody_gets_a_digest_of_nothing(
    application: None, admin: Connection, app: Connection, superuser: Connection, tmp_path: Path
) -> None:
    publish(admin, document("digest", tmp_path))
    app.execute("insert into public.digests values (2)")
    work(superuser, 5)
    assert rows(superuser, "select state from dreamlit.runs") == [{"state": "done"}]
    assert rows(superuser, "select content from dreamlit.messages") == []


def test_each_says_what_it_is_for_and_what_it_reads() -> None:
    assert NAMES == ["alert", "comment", "digest", "invitation", "password_reset", "receipt", "welcome"]
    assert [name for name in NAMES if TEMPLATES[name].kind == "topic"] == TOPICS
    assert all(template.purpose.endswith(".") for template in TEMPLATES.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_variables_it_lists_are_those_that_it_reads(name: str, tmp_path: Path) -> None:
    definition = document(name, tmp_path)
    paths = [entry["path"] for entry in references({"template": f"{name}.mjml"}, definition["files"])]
    frame = {path for path in map(".".join, paths) if path in PLACEHOLDERS or path.startswith("brand.")}
    assert set(map(".".join, paths)) - frame | {"brand.url"} == set(TEMPLATES[name].variables)


@pytest.mark.parametrize("name", NAMES)
def test_a_mail_has_nothing_that_a_person_should_look_at_again(name: str, tmp_path: Path) -> None:
    email = content(name, tmp_path, logo="https://fernhill.example/logo.png")
    found = list(
        doubts({**email, "text": plain_text(email["html"]), "topic": TEMPLATES[name].kind == "topic"})
    )
    assert found == []
    assert [image["alt"] for image in Reader(email["html"]).images] == ["Fernhill Books"]


@pytest.mark.parametrize("name", NAMES)
def test_all_addresses_are_https_and_nothing_is_loaded_but_the_logo(name: str, tmp_path: Path) -> None:
    html = content(name, tmp_path)["html"]
    links = Reader(html).links
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    assert not Reader(html).names & {"img", "script", "link", "iframe"}
    assert "@import" not in html
    assert "url(" not in html


@pytest.mark.parametrize("name", TOPICS)
def test_what_belongs_to_a_topic_shows_both_ways_out_and_an_address(name: str, tmp_path: Path) -> None:
    html = content(name, tmp_path)["html"]
    assert set(PLACEHOLDERS.values()) <= set(Reader(html).links)
    assert BRAND["postal_address"] in html


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(TOPICS)))
def test_what_belongs_to_none_shows_no_way_out(name: str, tmp_path: Path) -> None:
    assert not set(PLACEHOLDERS.values()) & set(Reader(content(name, tmp_path)["html"]).links)


HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'</td></table>{{ 7*7 }}"


@pytest.mark.parametrize("name", NAMES)
def test_hostile_values_are_shown_and_do_nothing(name: str, tmp_path: Path) -> None:
    plain = Reader(content(name, tmp_path)["html"])
    dates = ("T09:14:00", "T12:00:00", "T13:30:00")
    keep = ("ann@example.com", "GBP")
    hostile = replaced(
        ITEMS[name], lambda text: text if text in keep or any(date in text for date in dates) else HOSTILE
    )
    html = content(name, tmp_path / "hostile", hostile, name=HOSTILE, postal_address=HOSTILE)["html"]
    assert "<script>" not in html
    assert "{{ 7*7 }}" in html
    found = Reader(html)
    assert found.images == []
    assert found.names <= plain.names
    assert [link for link in found.links if not link.startswith("https://")] == []


@pytest.mark.parametrize("name", NAMES)
def test_what_may_be_null_may_be_null(name: str, tmp_path: Path) -> None:
    item = copy.deepcopy(ITEMS[name])
    nullable = {"alert": ("trigger", "detail"), "digest": ("person", "name"), "welcome": ("trigger", "name")}
    if name in nullable:
        scope, key = nullable[name]
        item[scope][key] = None
    if name == "receipt":
        item["lines"][0]["quantity"] = None
    html = content(name, tmp_path, item, name=None)["html"]
    assert "None" not in html
    assert "undefined" not in html


@pytest.mark.parametrize("name", ["alert", "comment", "digest", "receipt", "welcome"])
def test_without_a_site_there_is_no_button(name: str, tmp_path: Path) -> None:
    links = Reader(content(name, tmp_path, url=None)["html"]).links
    assert set(links) <= {*PLACEHOLDERS.values(), "https://fernhill.example/talk"}


@pytest.mark.parametrize("name", ["invitation", "password_reset"])
def test_without_a_site_nobody_gets_a_link_that_leads_nowhere(name: str, tmp_path: Path) -> None:
    assert "rstrip" in rendered(name, tmp_path, url=None)["error"]["message"]


def test_a_long_digest_stays_below_what_gmail_clips(tmp_path: Path) -> None:
    post = {"post_id": 1, "title": "x" * 200, "summary": "word " * 500}
    email = content("digest", tmp_path, {**ITEMS["digest"], "posts": [post] * 500})
    assert "500 posts have come" in email["html"]
    assert email["html"].count("x" * 200) == 12 + email["html"].split("<body")[0].count("x" * 200)
    assert len(email["html"].encode()) < 102 * 1024


@pytest.mark.parametrize("name", NAMES)
def test_dark_screens_and_phones_are_thought_of(name: str, tmp_path: Path) -> None:
    head = content(name, tmp_path)["html"].split("<body")[0]
    assert '<meta name="color-scheme" content="light dark">' in head
    assert "@media (prefers-color-scheme: dark)" in head
    assert "@media (max-width: 480px)" in head


@pytest.mark.parametrize("name", NAMES)
def test_colours_and_fonts_are_the_brands(name: str, tmp_path: Path) -> None:
    colours = {"primary": "#010101", "on_primary": "#020202", "text": "#030303", "muted": "#040404",
               "background": "#050505", "surface": "#060606"}  # fmt: skip
    html = content(name, tmp_path, colours=colours, fonts={"heading": "Alpha", "body": "Beta"})["html"]
    assert [colour for colour in colours.values() if colour not in html] == []
    assert [font for font in ("Alpha", "Beta") if f"font-family:{font}" not in html] == []
    left = {colour for colour in BRAND["colours"].values() if colour in html.split("<body")[1]}
    assert left <= {"#ffffff"}  # on the alert's red


# --- copying ----------------------------------------------------------------------------------------------


def test_a_copy_has_its_parts_and_keeps_the_parts_that_are_there(tmp_path: Path) -> None:
    first = copy_ready_made("welcome", tmp_path / "new" / "templates")
    assert set(first) == {"welcome.mjml", "layout.mjml", "theme.mjml", "header.mjml", "footer.mjml"}
    assert all(first.values())
    (tmp_path / "new" / "templates" / "layout.mjml").write_text("mine", "utf-8")
    second = copy_ready_made("digest", tmp_path / "new" / "templates")
    assert sorted(name for name, written in second.items() if written) == ["digest.mjml", "footer_topic.mjml"]
    assert (tmp_path / "new" / "templates" / "layout.mjml").read_text("utf-8") == "mine"


def test_a_template_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "welcome.mjml").write_text("mine", "utf-8")
    with pytest.raises(DreamlitError, match="exists already"):
        copy_ready_made("welcome", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["welcome.mjml"]
    assert (tmp_path / "welcome.mjml").read_text("utf-8") == "mine"


@pytest.mark.parametrize("name", ["layout", "welcom", "../welcome", ""])
def test_only_templates_can_be_copied(name: str, tmp_path: Path) -> None:
    with pytest.raises(DreamlitError, match="there is no template"):
        copy_ready_made(name, tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(DreamlitError, match="cannot be written"):
        copy_ready_made("welcome", tmp_path / "file" / "templates")


def test_the_wheel_holds_them(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(Path(__file__).parents[2])).build(
        directory=str(tmp_path), versions=["standard"]
    )
    held = {
        Path(name).name
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("dreamlit_pg/templates/")
    }
    assert held == {path.name for path in FOLDER.iterdir()}
