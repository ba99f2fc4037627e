"""A preview as one HTML page that needs nothing else: every message as it will look, side by side."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape, unescape
from mimetypes import guess_type
from typing import Any

from dreamlit_pg.previews import Preview
from dreamlit_sender.message import plain_text

STYLE = """
:root { color-scheme: light dark; --page: #f3f4f7; --card: #fff; --ink: #1b1f27; --quiet: #667085;
        --line: #e1e4ea; --accent: #3b5bdb; --warn: #8a5a00; --warn-page: #fff4d6; --bad: #b42318; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14161b; --card: #1e222a; --ink: #e7e9ee; --quiet: #98a2b3; --line: #313743;
          --accent: #91a7ff; --warn: #ffd479; --warn-page: #3a2f12; --bad: #ff9a90; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
       font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1500px; margin: 0 auto; padding: 32px 24px 80px; }
h1 { font-size: 22px; margin: 0 0 4px; }
p.count { color: var(--quiet); margin: 0 0 24px; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 12px; margin: 0 0 24px;
          padding: 18px 20px 20px; }
h2 { font-size: 17px; margin: 0; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px; margin: 6px 0 0; font-size: 13px; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
.warnings { margin: 14px 0 0; padding: 10px 14px 10px 30px; border-radius: 8px; background: var(--warn-page);
            color: var(--warn); font-size: 13px; overflow-wrap: anywhere; }
.error { margin: 14px 0 0; color: var(--bad); overflow-wrap: anywhere; }
.views { display: flex; flex-wrap: wrap; gap: 18px; margin-top: 18px; align-items: flex-start; }
figure { margin: 0; min-width: 0; max-width: 100%; }
figcaption { font-size: 12px; font-weight: 600; color: var(--quiet); margin: 0 0 6px; }
iframe { display: block; max-width: 100%; border: 1px solid var(--line); border-radius: 8px;
         background: #fff; }
.dark iframe { background: #1b1b1d; }
.desktop iframe { width: 640px; height: 640px; } .phone iframe { width: 375px; height: 640px; }
.plain { flex: 1 1 340px; }
pre { margin: 0; padding: 14px 16px; border: 1px solid var(--line); border-radius: 8px; height: 640px;
      overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere;
      font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
.slack { max-width: 680px; margin-top: 18px; border: 1px solid var(--line); border-radius: 8px;
         padding: 16px 18px; overflow-wrap: anywhere; }
.slack > * { margin: 0 0 10px; } .slack > :last-child { margin: 0; }
.slack .header { font-size: 18px; font-weight: 800; }
.slack .context { color: var(--quiet); font-size: 12px; }
.slack .fields { display: grid; grid-template-columns: 1fr 1fr; gap: 8px 16px; }
.slack hr { border: 0; border-top: 1px solid var(--line); }
.slack img { max-width: 100%; border-radius: 6px; }
.slack .button { display: inline-block; border: 1px solid var(--line); border-radius: 6px; padding: 4px 12px;
                 margin: 0 8px 0 0; font-size: 13px; font-weight: 700; }
.slack code { font: 12px ui-monospace, Menlo, Consolas, monospace; color: var(--bad); }
.slack a { color: var(--accent); } .text { white-space: pre-wrap; }
"""
# No script runs, in the page or in a message; styles and pictures do not come from anywhere but the message.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; font-src https: data:; "
    "frame-src 'self'"
)
_SCHEME = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)", re.IGNORECASE)
_TOP = re.compile(r"<head\b[^>]*>|<html\b[^>]*>|<!doctype[^>]*>", re.IGNORECASE)
_MARK = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>|(`)([^`\n]+)`|(?<!\w)([*_~])(?=\S)([^\n]+?)(?<=\S)\5(?!\w)")
_TAGS = {"*": "strong", "_": "em", "~": "s"}


def render_page(name: str, row: str, messages: Sequence[Preview]) -> str:
    """The page for the messages that a workflow would make of a row."""
    count = f"{len(messages)} message{'s'[: len(messages) != 1]} from {row}. Nothing has been sent."
    cards = "".join(map(_card, messages))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>Preview of {escape(name)}</title>"
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(name)}</h1>"
        f'<p class="count">{escape(count)}</p>{cards}</main></body></html>\n'
    )


def _card(message: Preview) -> str:
    content = message.content or {}
    title = "Slack" if message.channel == "slack" else str(content.get("subject") or "(no subject)")
    if message.content is None:
        title = f"The step {message.step} failed"
    facts = [("step", message.step)]
    for key, label in (("channel", "channel"), ("to", "to"), ("cc", "cc"), ("bcc", "bcc"), ("from", "from")):
        value = content.get(key)
        if value:
            facts.append((label, ", ".join(value) if isinstance(value, list) else str(value)))
    files = [str(one.get("name")) for one in content.get("attachments") or ()]
    if content.get("calendar"):
        files.append(f"an invitation: {content['calendar'].get('summary')}")
    if files:
        facts.append(("files", ", ".join(files)))
    if content.get("topic"):
        facts.append(("topic", str(content["topic"])))
    shown = "".join(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts)
    return f"<article><h2>{escape(title)}</h2><dl>{shown}</dl>{_body(message)}</article>\n"


def _body(message: Preview) -> str:
    if message.content is None:
        error = message.error or {}
        where = f"{error['field']}: " if error.get("field") else ""
        return f'<p class="error">{escape(where + str(error.get("message", "")))}</p>'
    if message.channel == "slack":
        return f'<div class="slack">{_slack(message.content)}</div>'
    warnings = "".join(f"<li>{escape(warning)}</li>" for warning in message.warnings)
    return (f'<ul class="warnings">{warnings}</ul>' if warnings else "") + _email(message.content)


def _email(content: Mapping[str, Any]) -> str:
    html, text = content.get("html"), content.get("text")
    if html is not None:
        html = _with_pictures(html, content.get("attachments") or ())
    made = text is None and html is not None
    plain = plain_text(html) if made and html is not None else text or ""
    if html is not None:
        light = _view("desktop", "light", html) + _view("phone", "light", html)
        dark = _view("desktop", "dark", html) + _view("phone", "dark", html)
        lit = f'<div class="views">{light}{_plain(plain, made=made)}</div>'
        return f'{lit}<div class="views">{dark}</div>'
    return f'<div class="views">{_plain(plain, made=False)}</div>'


def _plain(text: str, *, made: bool) -> str:
    caption = "plain text, made from the HTML" if made else "plain text"
    return f'<figure class="plain"><figcaption>{caption}</figcaption><pre>{escape(text)}</pre></figure>'


def _view(width: str, scheme: str, html: str) -> str:
    document = escape(_in_scheme(html, scheme))
    return (
        f'<figure class="{width} {scheme}"><figcaption>{width}, {scheme}</figcaption>'
        f'<iframe sandbox="allow-popups allow-popups-to-escape-sandbox" title="{width}, {scheme}" '
        f'style="color-scheme: {scheme}" srcdoc="{document}"></iframe></figure>'
    )


def _with_pictures(html: str, attachments: Sequence[Mapping[str, Any]]) -> str:
    """The document with what it shows by cid:NAME in it."""
    for one in attachments:
        if one.get("inline"):
            kind = one.get("type") or guess_type(str(one.get("name")))[0] or "image/png"
            found = one.get("url") or f"data:{kind};base64,{one.get('content')}"
            html = html.replace(f"cid:{one['inline']}", escape(found))
    return html


def _in_scheme(html: str, scheme: str) -> str:
    """The document as somebody with this colour scheme sees it, whatever the scheme of the one who looks."""
    html = _SCHEME.sub(
        lambda found: "(min-width: 0px)" if found[1].lower() == scheme else "(max-width: 0px)", html
    )
    top = _TOP.match(html) or _TOP.search(html)
    place = top.end() if top else 0
    head = re.search(r"<head\b[^>]*>", html, re.IGNORECASE)
    place = head.end() if head else place
    return f'{html[:place]}<base target="_blank">{html[place:]}'


# Slack


def _slack(content: Mapping[str, Any]) -> str:
    blocks = content.get("blocks")
    if not isinstance(blocks, list):
        return f'<div class="text">{_mrkdwn(str(content.get("text") or ""))}</div>'
    return "".join(_block(block) for block in blocks if isinstance(block, dict))


def _block(block: Mapping[str, Any]) -> str:
    kind = block.get("type")
    if kind == "divider":
        return "<hr>"
    if kind == "image":
        return _image(block)
    if kind == "section":
        fields = "".join(f"<div>{_text(one)}</div>" for one in block.get("fields") or ())
        button = _button(block["accessory"]) if isinstance(block.get("accessory"), dict) else ""
        return (
            f'<div class="text">{_text(block.get("text"))} {button}</div>'
            + (f'<div class="fields">{fields}</div>' if fields else "")
        )  # fmt: skip
    if kind in ("context", "actions"):
        inner = " ".join(
            _image(one) if one.get("type") == "image" else _button(one) if kind == "actions" else _text(one)
            for one in block.get("elements") or ()
            if isinstance(one, dict)
        )
        return f'<div class="{kind}">{inner}</div>'
    if kind in ("header", "markdown"):
        return f'<div class="text {kind}">{_text(block.get("text"))}</div>'
    return f'<div class="context">[{escape(str(kind))}]</div>'


def _button(element: Mapping[str, Any]) -> str:
    if element.get("type") == "image":
        return _image(element)
    return f'<span class="button">{_text(element.get("text")) or escape(str(element.get("type")))}</span>'


def _image(block: Mapping[str, Any]) -> str:
    source, alt = (escape(str(block.get(key) or "")) for key in ("image_url", "alt_text"))
    return f'<img src="{source}" alt="{alt}">'


def _text(value: Any) -> str:
    if isinstance(value, dict):
        text = str(value.get("text") or "")
        return escape(unescape(text)) if value.get("type") == "plain_text" else _mrkdwn(text)
    return _mrkdwn(value) if isinstance(value, str) else ""


def _mrkdwn(text: str) -> str:
    """Slack's own marks as HTML: links, bold, italics, struck out, code."""
    pieces, done = [], 0
    for found in _MARK.finditer(text):
        pieces.append(escape(unescape(text[done : found.start()])))
        done = found.end()
        address, label, tick, code, mark, inner = found.groups()
        if address is not None:
            pieces.append(_slack_link(unescape(address), label))
        elif tick:
            pieces.append(f"<code>{escape(unescape(code))}</code>")
        else:
            pieces.append(f"<{_TAGS[mark]}>{_mrkdwn(inner)}</{_TAGS[mark]}>")
    return "".join((*pieces, escape(unescape(text[done:]))))


def _slack_link(address: str, label: str | None) -> str:
    shown = escape(unescape(label or address))
    if address.startswith(("https://", "http://", "mailto:")):
        return f'<a href="{escape(address)}" rel="noreferrer" target="_blank">{shown}</a>'
    return f"<strong>{shown}</strong>"
