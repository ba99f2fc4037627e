"""The inbox as one HTML page that needs nothing but its own folder."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dreamlit_cli.demo.inbox import Message

STYLE = """
:root { color-scheme: light dark; --page: #f3f4f7; --card: #fff; --ink: #1b1f27; --quiet: #667085;
        --line: #e1e4ea; --mail: #3b5bdb; --slack: #0f7b6c; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14161b; --card: #1e222a; --ink: #e7e9ee; --quiet: #98a2b3; --line: #313743;
          --mail: #91a7ff; --slack: #63e6be; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
       font: 15px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 780px; margin: 0 auto; padding: 40px 20px 80px; }
h1 { font-size: 22px; margin: 0 0 4px; }
p.count { color: var(--quiet); margin: 0 0 24px; }
details { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
          margin: 0 0 10px; overflow: hidden; }
summary { display: grid; grid-template-columns: 64px 1fr auto; gap: 2px 14px; padding: 12px 16px;
          cursor: pointer; list-style: none; align-items: baseline; }
summary::-webkit-details-marker { display: none; }
summary:focus-visible { outline: 2px solid var(--mail); outline-offset: -2px; }
.channel { font-size: 12px; font-weight: 700; letter-spacing: .03em; color: var(--mail); }
.slack .channel { color: var(--slack); }
.subject { font-weight: 600; overflow-wrap: anywhere; }
.to { grid-column: 2; color: var(--quiet); font-size: 13px; overflow-wrap: anywhere; }
time { color: var(--quiet); font-size: 13px; font-variant-numeric: tabular-nums; }
.files { padding: 0 16px 12px 94px; font-size: 13px; }
.files a { color: var(--mail); margin-right: 14px; }
iframe { display: block; width: 100%; height: 560px; border: 0; border-top: 1px solid var(--line);
         background: #fff; }
pre { margin: 0; padding: 14px 16px 16px 94px; border-top: 1px solid var(--line); white-space: pre-wrap;
      overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; }
@media (max-width: 560px) {
  .files, pre { padding-left: 16px; }
  summary { grid-template-columns: 52px 1fr auto; } }
"""


def render_page(messages: Sequence[Message]) -> str:
    """The page for these messages, the newest first."""
    emails = sum(message.channel == "email" for message in messages)
    count = (
        f"{emails} by e-mail, {len(messages) - emails} by Slack" if messages else "Nothing has arrived yet"
    )
    cards = "".join(_card(message) for message in reversed(messages))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Inbox</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head><body><main><h1>Inbox</h1>"
        f'<p class="count">{count}. Load the page again for newer ones.</p>{cards}</main></body></html>\n'
    )


def _card(message: Message) -> str:
    links = " ".join(f'<a href="{escape(name)}">{_label(name)}</a>' for name in message.files)
    channel = {"email": "E-mail", "slack": "Slack"}[message.channel]
    return (
        f'<details class="{message.channel}"><summary><span class="channel">{channel}</span>'
        f'<span class="subject">{escape(message.subject) or "(no subject)"}</span>'
        f"<time>{message.at.astimezone():%H:%M:%S}</time>"
        f'<span class="to">{escape(message.to)}</span></summary>'
        f'<div class="files">{links}</div>{_body(message)}</details>\n'
    )


def _body(message: Message) -> str:
    html = next((name for name in message.files if name.endswith(".html")), None)
    if html:
        title = escape(message.subject)
        return f'<iframe sandbox loading="lazy" title="{title}" src="{escape(html)}"></iframe>'
    return f"<pre>{escape(message.text)}</pre>"


def _label(name: str) -> str:
    return {"eml": "source", "html": "open", "json": "JSON"}.get(name.rpartition(".")[2], "file")
