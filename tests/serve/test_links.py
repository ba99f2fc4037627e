"""Tokens that nobody else can make, and documents that keep every byte but their links'."""

from __future__ import annotations

import base64
import re
from email import message_from_bytes
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.dkim import DkimConfig, signed
from dreamlit_sender.links import (
    PREFERENCES_PLACEHOLDER,
    UNSUBSCRIBE_PLACEHOLDER,
    BadTokenError,
    Linker,
    NoLinksError,
    Purpose,
    Signer,
    Token,
    add_pixel,
    rewrite_links,
)
from dreamlit_sender.message import build_mail
from dreamlit_sender.secret import Secret

SECRET = Secret("0123456789abcdef0123456789abcdef")
SIGNER = Signer(SECRET)
PURPOSES: tuple[Purpose, ...] = ("open", "click", "unsubscribe", "preferences")
PUBLIC = "https://mail.example.com"

purposes = st.sampled_from(PURPOSES)
ids = st.integers(min_value=0, max_value=2**63 - 1)


def token_for(purpose: Purpose, message_id: int, url: str) -> Token:
    if purpose == "click":
        return Token(message_id, url=url)
    if purpose == "open":
        return Token(message_id)
    return Token(message_id, recipient="a@example.com")


# Tokens


@given(purposes, ids, st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_token_says_what_was_signed(purpose: Purpose, message_id: int, url: str) -> None:
    token = token_for(purpose, message_id, url)
    assert SIGNER.read(purpose, SIGNER.sign(purpose, token)) == token


@given(purposes, purposes, ids)
def test_a_token_of_one_purpose_is_none_for_another(made: Purpose, used: Purpose, message_id: int) -> None:
    assume(made != used)
    with pytest.raises(BadTokenError):
        SIGNER.read(used, SIGNER.sign(made, token_for(made, message_id, "https://example.com")))


@given(purposes, ids)
def test_a_token_of_another_secret_is_none(purpose: Purpose, message_id: int) -> None:
    other = Signer(Secret("f" * 32))
    with pytest.raises(BadTokenError):
        SIGNER.read(purpose, other.sign(purpose, token_for(purpose, message_id, "https://example.com")))


@given(purposes, ids, st.data())
def test_any_change_of_a_token_spoils_it(purpose: Purpose, message_id: int, data: st.DataObject) -> None:
    text = SIGNER.sign(purpose, token_for(purpose, message_id, "https://example.com/a"))
    place = data.draw(st.integers(0, len(text) - 1))
    char = data.draw(st.sampled_from("ABCabc019-_.=%/+ é"))
    assume(text[place] != char)
    for changed in (text[:place] + char + text[place + 1 :], text[:place] + text[place + 1 :], text + char):
        with pytest.raises(BadTokenError):
            SIGNER.read(purpose, changed)


@given(st.text(max_size=100))
def test_arbitrary_text_is_no_token(text: str) -> None:
    with pytest.raises(BadTokenError):
        SIGNER.read("click", text)


@given(ids, st.text(st.characters(exclude_categories=["Cs"]), min_size=12, max_size=100))
def test_a_recipient_cannot_be_read_from_a_link(message_id: int, recipient: str) -> None:
    text = SIGNER.sign("unsubscribe", Token(message_id, recipient=recipient))
    payload = text.partition(".")[0]
    assert recipient.encode() not in base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert SIGNER.read("unsubscribe", text).recipient == recipient


def test_a_short_secret_is_refused_without_being_shown() -> None:
    with pytest.raises(DreamlitError, match="at least 32") as refusal:
        Signer(Secret("too-short-secret"))
    assert "too-short" not in str(refusal.value)


# Links of documents


class Events(HTMLParser):
    """What a mail program sees, the addresses of links apart."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.seen: list[Any] = []
        self.links: list[str | None] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.links.append(dict(reversed(attrs)).get("href"))
            first = next((at for at, (name, _) in enumerate(attrs) if name == "href"), None)
            attrs = [pair for at, pair in enumerate(attrs) if at != first]
        self.seen.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.seen.append(tag)

    def handle_data(self, data: str) -> None:
        self.seen.append(data)

    def handle_comment(self, data: str) -> None:
        self.seen.append(("comment", data))


pieces = st.sampled_from(
    [
        '<a href="https://a.test/x?y=1&amp;z=2">', "<a href='http://b.test/'>", "<A HREF=https://c.test/d>", "</a>", "<a>",
        '<a class=x data-track="off" href="https://d.test">', '<a title=">" href="https://e.test/">', '<a href="mailto:x@y.test">',
        '<a href="https://one.test" href="https://two.test">', '<a href = "https://f.test/ä">', '<a\nhref="https://g.test/">', "<a href>",
        "<!-- <a href='https://h.test'> -->", "<style>a[href='https://i.test']{}</style>", "<script>'<a href=\"https://j.test\">'</script>",
        "<p>", "</p>", "\n", "\r\n", "é €", "&lt;a href=x&gt;", "<", ">", '"', "<br/>", "</body>", "<a href='javascript:alert(1)'>", "<a/href=https://k.test>",
        f'<a href="{UNSUBSCRIBE_PLACEHOLDER}">', f'<a href="{PREFERENCES_PLACEHOLDER}?x">', '<a href="https://m.test/"title="n">', "<a b='c'href=https://o.test/ d>",
    ]
)  # fmt: skip
documents = st.lists(st.one_of(pieces, st.text(max_size=10)), max_size=30).map("".join)


@given(documents)
def test_nothing_but_addresses_of_links_changes(html: str) -> None:
    seen: list[str] = []

    def link_to(url: str) -> str:
        seen.append(url)
        return f"https://mail.test/c/{len(seen)}"

    rewritten = rewrite_links(html, link_to)
    before, after = Events(html), Events(rewritten)
    assert before.seen == after.seen
    numbers = iter(range(1, len(seen) + 1))
    for old, new in zip(before.links, after.links, strict=True):
        if new != old:
            assert (old or "").strip() == seen[next(numbers) - 1]
    place = 0
    for kept in re.split(r'"https://mail\.test/c/\d+"', rewritten):
        place = html.index(kept, place) + len(kept)


@given(documents)
def test_in_a_conditional_comment_links_are_replaced_as_outside(html: str) -> None:
    assume("--" not in html)

    def rewritten(text: str) -> str:
        return rewrite_links(text, lambda url: f"https://mail.test/c/{url}")

    assert rewritten(f"<!--[if mso]>{html}<![endif]-->") == f"<!--[if mso]>{rewritten(html)}<![endif]-->"


@given(documents)
def test_a_document_without_links_keeps_every_byte(html: str) -> None:
    plain = html.replace("http", "ftp")
    assert rewrite_links(plain, lambda url: "https://mail.test/c/x") == plain


@given(documents)
def test_a_pixel_is_one_image_more(html: str) -> None:
    url = "https://mail.test/o/x.gif"
    changed = add_pixel(html, url)
    start = changed.index("<img ", 0)
    end = changed.index(">", start) + 1
    assert changed[:start] + changed[end:] == html


@pytest.mark.parametrize(
    ("html", "replaced"),
    [
        ('<a href="https://a.test/?x=1&amp;y=2">', ["https://a.test/?x=1&y=2"]),
        ("<a href=https://a.test/x>", ["https://a.test/x"]),
        ("<A HREF='HTTP://a.test'>", ["HTTP://a.test"]),
        ('<a href=" https://a.test ">', ["https://a.test"]),
        ('<a title="a > b" href="https://a.test">', ["https://a.test"]),
        ('<p>é\n€</p>\r\n<a\n href="https://a.test">', ["https://a.test"]),
        ('<a data-track="off" href="https://a.test">', []),
        ('<a href="mailto:a@b.test">', []),
        ('<a href="tel:1">', []),
        ('<a href="#top">', []),
        ('<a href="/relative">', []),
        ('<a href="https://">', []),
        ('<a href="https://[">', []),
        ('<a href="javascript:alert(1)">', []),
        (f'<a href="{UNSUBSCRIBE_PLACEHOLDER}">', []),
        (f'<a href="{PREFERENCES_PLACEHOLDER}">', []),
        ('<img src="https://a.test/x.png"><link href="https://a.test/x.css">', []),
        ('<!--[if mso]><a href="https://a.test"><![endif]-->', ["https://a.test"]),
        (
            "é\n<!--[IF (gte mso 9)|(IE)]><p>\n<a title='>' href='https://a.test'>x</a><![endif]--><a href=https://b.test>",
            ["https://a.test", "https://b.test"],
        ),
        (
            '<!--[if !mso]><!--><a href="https://a.test">x</a><!--<![endif]--><a href="https://b.test">',
            ["https://a.test", "https://b.test"],
        ),
        (
            '<!--[if mso]><v:rect href="https://a.test"><a data-track="off" href="https://b.test"><![endif]-->',
            [],
        ),
        ('<!--[if mso]><a href="https://a.test">-->', []),
        ('<!-- <a href="https://a.test"> -->', []),
        (f'<a href="https://a.test/{"x" * 2000}">', []),
    ],
)
def test_which_links_are_replaced(html: str, replaced: list[str]) -> None:
    seen: list[str] = []

    def link_to(url: str) -> str:
        seen.append(url)
        return "https://mail.test/c/x"

    rewritten = rewrite_links(html, link_to)
    assert seen == replaced
    assert (rewritten == html) == (not replaced)


def test_the_pixel_stands_before_the_last_end_of_the_body() -> None:
    html = "<body><!-- </body> --><p>x</p></BODY></html>"
    assert add_pixel(html, "https://m.test/o").endswith('border:0"></BODY></html>')


# Messages


def content(**more: Any) -> dict[str, Any]:
    return {
        "to": ["bob@example.org"],
        "from": "Ann <ann@example.com>",
        "subject": "News",
        "html": f'<body><a href="https://a.test/">a</a> <a href="{UNSUBSCRIBE_PLACEHOLDER}">no more</a></body>',
        "text": f"News. {UNSUBSCRIBE_PLACEHOLDER} {PREFERENCES_PLACEHOLDER}",
        **more,
    }


def linker() -> Linker:
    made = Linker(SECRET)
    made.public_url = PUBLIC + "/"
    return made


def test_placeholders_become_links_of_this_message_and_recipient() -> None:
    changed = linker().apply(7, content())
    links = re.findall(rf"{PUBLIC}/([up])/([\w.-]+)", changed["html"] + changed["text"])
    assert [kind for kind, _ in links] == ["u", "u", "p"]
    assert "dreamlit.invalid" not in str(changed)
    expected = Token(7, recipient="bob@example.org")
    assert SIGNER.read("unsubscribe", links[0][1]) == expected
    assert SIGNER.read("preferences", links[2][1]) == expected


def test_clicks_and_opens_are_tracked_only_where_the_message_says_so() -> None:
    plain = linker().apply(7, content(track={"opens": False, "clicks": False}))
    assert 'href="https://a.test/"' in plain["html"]
    assert "<img" not in plain["html"]
    tracked = linker().apply(7, content(track={"opens": True, "clicks": True}))
    clicked = re.search(rf'href="{PUBLIC}/c/([\w.-]+)"', tracked["html"])
    opened = re.search(rf'src="{PUBLIC}/o/([\w.-]+)\.gif"', tracked["html"])
    assert clicked is not None
    assert opened is not None
    assert SIGNER.read("click", clicked[1]) == Token(7, url="https://a.test/")
    assert SIGNER.read("open", opened[1]).message_id == 7


def test_a_message_has_the_same_links_at_every_attempt() -> None:
    full = content(topic="news", track={"opens": True, "clicks": True})
    assert linker().apply(7, full) == linker().apply(7, full)


def test_a_message_without_topic_tracking_or_placeholder_stays_as_it_is() -> None:
    plain = {"to": ["bob@example.org"], "html": '<a href="https://a.test">x</a>', "text": "x"}
    assert Linker(None).apply(7, plain) is plain


@pytest.mark.parametrize("more", [{"topic": "news"}, {"track": {"opens": True}}, {}])
def test_without_secret_or_public_url_a_message_that_needs_links_does_not_go(more: dict[str, Any]) -> None:
    with pytest.raises(NoLinksError, match="DREAMLIT_LINK_SECRET"):
        Linker(None).apply(7, content(**more))
    with pytest.raises(NoLinksError, match="public_url"):
        Linker(SECRET).apply(7, content(**more))


def test_rfc_8058_headers_of_a_message_with_a_topic() -> None:
    changed = linker().apply(
        7, content(topic="news", headers={"list-unsubscribe": "<https://evil.test>", "X-A": "b"})
    )
    headers = changed["headers"]
    assert re.fullmatch(rf"<{PUBLIC}/u/[\w.-]+>", headers["List-Unsubscribe"])
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert headers["List-Id"] == "<news.example.com>"
    assert headers["X-A"] == "b"
    assert "evil" not in str(headers)


def test_a_transactional_message_has_no_list_headers() -> None:
    assert "headers" not in linker().apply(7, content())


def test_list_headers_stand_whole_in_the_mail_and_under_its_signature(rsa_pem: str) -> None:
    changed = linker().apply(7, content(topic="news"))
    mail = build_mail(7, changed, default_from=None)
    parsed = message_from_bytes(signed(mail, DkimConfig("example.com", "s", Secret(rsa_pem))).data)
    assert parsed["List-Unsubscribe"].split() == [changed["headers"]["List-Unsubscribe"]]
    covered = re.sub(r"\s", "", parsed["DKIM-Signature"]).partition("h=")[2].partition(";")[0].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "list-id"} <= {name.lower() for name in covered}


def test_a_hostile_topic_cannot_leave_its_header() -> None:
    assert linker().apply(7, content(topic="a>\r\nBcc: <x"))["headers"]["List-Id"] == "<a-bcc-x.example.com>"
