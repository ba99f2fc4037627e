"""From content to MIME: headers, bodies, envelope, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dreamlit_sender.headers import POLICY
from dreamlit_sender.message import Mail, NoSenderError, UnfitContentError, build_mail, plain_text


def build(**content: Any) -> Mail:
    base: dict[str, Any] = {"to": ["bob@example.org"], "subject": "Hi", "text": "Hello"}
    return build_mail(42, {**base, **content}, default_from="Dreamlit <no-reply@bücher.example>")


def parsed(mail: Mail) -> EmailMessage:
    message = message_from_bytes(mail.data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def as_others_read(mail: Mail, field: str) -> list[tuple[str, str]]:
    """Names and mailboxes by the older parser: the newer one puts spaces between encoded words."""
    raw = message_from_bytes(mail.data)[field].replace("\r\n", "")
    return [(str(make_header(decode_header(name))), mailbox) for name, mailbox in getaddresses([raw])]


def test_headers_are_stable_and_complete() -> None:
    content = {"to": ["b@x.org"], "subject": "S", "text": "t"}
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    message = parsed(build_mail(42, content, default_from="a@from.test", now=moment))
    assert message["Message-ID"] == "<dreamlit.42@from.test>"
    assert message["Date"] == "Fri, 02 Jan 2026 03:04:05 +0000"
    assert message["From"] == "a@from.test"
    assert message["MIME-Version"] == "1.0"


def test_content_from_wins_over_the_default() -> None:
    mail = build(**{"from": "Ann <ann@other.test>"})
    assert mail.sender == "ann@other.test"
    assert mail.message_id == "<dreamlit.42@other.test>"


def test_domain_of_the_message_id_is_ascii() -> None:
    assert build().message_id == "<dreamlit.42@xn--bcher-kva.example>"


def test_both_bodies_make_an_alternative() -> None:
    message = parsed(build(text="Grüße", html="<p>Grüße</p>"))
    assert message.get_content_type() == "multipart/alternative"
    first, second = message.iter_parts()
    assert (first.get_content_type(), second.get_content_type()) == ("text/plain", "text/html")


def test_html_alone_gets_a_text_part_with_its_links() -> None:
    message = parsed(build(text=None, html='<h1>Hi</h1><p>See <a href="https://x.test/a?b=1">this</a>.</p>'))
    body = message.get_body(("plain",))
    assert body is not None
    assert "Hi" in body.get_content()
    assert "https://x.test/a?b=1" in body.get_content()
    assert "<" not in plain_text("<p>a</p>")


def test_a_layout_of_tables_leaves_no_trace_in_the_text_part() -> None:
    inner = "<table><tr><td>Tea</td><td>3.50</td></tr><tr><td>Two cups</td><td>9.00</td></tr></table>"
    cell = f'<table role="presentation"><tr><td align="center"><p>Hello</p>{inner}</td></tr></table>'
    text = plain_text(f'<table role="presentation"><tr><td>{cell}</td></tr><tr><td> </td></tr></table>{cell}')
    assert [line for line in text.split("\n") if line != line.strip()] == []
    assert "\n\n\n" not in text
    assert "Tea       3.50\nTwo cups  9.00\n" in text


def test_a_list_in_the_text_part_keeps_its_levels() -> None:
    assert "  * a\n      + b\n" in plain_text("<p>x</p><ul><li>a<ul><li>b</li></ul></li></ul>")


def test_no_body_at_all_is_an_empty_text() -> None:
    assert parsed(build(text=None)).get_content().strip() == ""


def test_bytes_are_seven_bit_with_crlf_and_short_lines() -> None:
    mail = build(subject="Grüße " * 40, text="ü" * 5000 + "\nx" * 3, html="<p>" + "x" * 5000 + "</p>")
    assert mail.data.isascii()
    assert b"\n" not in mail.data.replace(b"\r\n", b"")
    assert max(len(line) for line in mail.data.split(b"\r\n")) <= 998
    assert parsed(mail)["Subject"] == "Grüße " * 40


@pytest.mark.parametrize("name", ["Müller, Jörg", 'Quote "d"', "Doe, Jane", "李明", "a@b.c", "x" * 200])
def test_display_names_survive(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    mail = build(to=[f'"{quoted}" <bob@example.org>'])
    [address] = parsed(mail)["To"].addresses
    assert (address.display_name, address.addr_spec) == (name, "bob@example.org")
    assert mail.to == ("bob@example.org",)


@pytest.mark.parametrize("names", [["Ann"], ["Doe, Jane", "李明", "x" * 90], ["Ann"] * 40])
def test_lists_of_recipients_survive_folding(names: list[str]) -> None:
    people = [f'"{name}" <p{number}@example.org>' for number, name in enumerate(names)]
    mail = build(to=people, cc=people, reply_to=people)
    for field in ("To", "Cc", "Reply-To"):
        found = parsed(mail)[field].addresses
        assert [one.display_name for one in found] == names
        assert [one.addr_spec for one in found] == [f"p{number}@example.org" for number in range(len(names))]
    longest = max(78, *map(len, names))
    assert max(len(line) for line in mail.data.split(b"\r\n")) <= longest + 3


TEXTS = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=120)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=4))
def test_no_text_ends_the_headers_before_their_end(subject: str, names: list[str]) -> None:
    people = [str(Address(name, "p", "example.org")) for name in names]
    mail = build(subject=subject, to=people, reply_to=people, headers={"X-A": subject})
    message = parsed(mail)
    assert message["MIME-Version"] == "1.0"
    assert (message["Subject"].strip(), message["X-A"].strip()) == (subject.strip(), subject.strip())
    for field in ("To", "Reply-To"):
        found = as_others_read(mail, field)
        assert [mailbox for _, mailbox in found] == ["p@example.org"] * len(names)
        assert [name.split() for name, _ in found] == [name.split() for name in names]


def test_no_text_can_know_the_boundary_of_its_parts() -> None:
    first = build(html="<p>a</p>")
    [line] = [line for line in first.data.split(b"\r\n") if b"boundary=" in line]
    boundary = line.split(b'"')[1].decode()
    text = f"a\n--{boundary}\nContent-Type: text/html\n\nforged\n--{boundary}--\n"
    again = parsed(build(text=text, html="<p>a</p>"))
    plain, page = again.iter_parts()
    assert plain.get_content().splitlines() == text.splitlines()
    assert page.get_content().splitlines() == ["<p>a</p>"]


def test_a_header_with_a_line_break_is_not_stored() -> None:
    with pytest.raises(ValueError, match="line break"):
        EmailMessage(policy=POLICY)["X-A"] = "a\nBcc: x@y.zz"


def test_extra_headers_are_kept_whole() -> None:
    url = "<https://x.test/u?" + "t" * 300 + ">"
    mail = build(headers={"List-Unsubscribe": url, "X-Long": "word " * 60 + "end", "X-Name": "Jörg"})
    assert url.encode() in mail.data
    message = parsed(mail)
    assert message["List-Unsubscribe"] == url
    assert message["X-Long"] == "word " * 60 + "end"
    assert message["X-Name"] == "Jörg"


def test_blind_copies_are_only_in_the_envelope() -> None:
    mail = build(cc=["c@x.org"], bcc=["secret@x.org", "c@x.org"], reply_to=["Help <h@x.org>"])
    assert mail.to == ("bob@example.org",)
    assert mail.copies == ("c@x.org", "secret@x.org")
    assert b"secret" not in mail.data
    assert b"bcc" not in mail.data.lower()
    assert parsed(mail)["Reply-To"] == "Help <h@x.org>"


def test_a_copy_that_is_also_the_recipient_is_named_once() -> None:
    assert build(cc=["bob@example.org"]).copies == ()


def test_only_local_parts_outside_ascii_need_smtputf8() -> None:
    assert not build(to=["Jörg <j@bücher.example>"]).needs_utf8
    mail = build(to=["jörg@x.example"])
    assert mail.needs_utf8
    assert "jörg@x.example".encode() in mail.data


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b", "\x1c"])
@pytest.mark.parametrize("field", ["subject", "to", "cc", "bcc", "reply_to", "from", "header", "name"])
def test_breaks_in_headers_are_refused(field: str, break_: str) -> None:
    bad = f"a{break_}Bcc: x@y.zz"
    special: dict[str, dict[str, Any]] = {
        "header": {"headers": {"X-A": bad}},
        "name": {"headers": {bad: "x"}},
        "subject": {"subject": bad},
        "from": {"from": f"{bad} <a@b.cc>"},
    }
    content: dict[str, Any] = special.get(field) or {field: [f"{bad} <a@b.cc>"]}
    with pytest.raises(UnfitContentError):
        build(**content)


@pytest.mark.parametrize(
    "address",
    ["", "bob", "@x.org", "bob@", "a@b@c", "a b@x.org", "<>", "a@x.org, b@x.org", "a@x..org", "a@-",
     "a@[x y]", "a@x.org> <b@y.org", "a(c)@x.org\\", "a@x.org\t>", "a@\ud800.org", "a@exa mple.org", None, 7],
)  # fmt: skip
def test_what_is_not_one_address_is_refused(address: Any) -> None:
    with pytest.raises(UnfitContentError):
        build(to=[address])


@pytest.mark.parametrize("name", ["Bcc", "to", "Content-Type", "MESSAGE-ID", "X A", "X:A", "", "Ä"])
def test_headers_that_are_not_the_users_are_refused(name: str) -> None:
    with pytest.raises(UnfitContentError):
        build(headers={name: "x"})


def test_nobody_to_send_to_and_nobody_to_send_from() -> None:
    with pytest.raises(UnfitContentError):
        build(to=[])
    with pytest.raises(NoSenderError):
        build_mail(1, {"to": ["a@b.cc"]}, default_from=None)


def test_body_text_that_is_no_unicode_is_repaired() -> None:
    assert parsed(build(text="a\ud800b\x00c")).get_content().strip() == "a?bc"
