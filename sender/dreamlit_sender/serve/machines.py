"""Whether a person opened or clicked, or a program on the way.

Sources: Apple's Mail Privacy Protection fetches every image when a message arrives, under the bare name
"Mozilla/5.0"; Gmail's and Yahoo's proxies fetch when a person opens it, and name themselves.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_PEOPLE = re.compile(r"GoogleImageProxy|YahooMailProxy", re.IGNORECASE)
_APPLE_PROXY = "Mozilla/5.0"
_PROGRAMS = re.compile(
    r"bot\b|bot/|crawl|spider|scan|preview|fetch|monitor|check|validator|phish|malware|antivirus|safelinks"
    r"|barracuda|mimecast|proofpoint|symantec|trendmicro|forcepoint|fortinet|sophos|cisco|ironport|zscaler"
    r"|headless|phantom|selenium|puppeteer|playwright|electron"
    r"|curl|wget|httpx|aiohttp|python|go-http|java/|okhttp|libwww|ruby|perl|php|guzzle|node-fetch|axios|apache-http",
    re.IGNORECASE,
)


def is_machine(method: str, headers: Mapping[str, str]) -> bool:
    """Whether the request comes from a program that nobody sits at."""
    if method == "HEAD" or "prefetch" in f"{headers.get('purpose', '')} {headers.get('sec-purpose', '')}":
        return True
    return is_machine_name(headers.get("user-agent", ""))


def is_machine_name(agent: str) -> bool:
    """Whether a user agent of this name is a program that nobody sits at; one without a name is."""
    agent = agent.strip()
    if _PEOPLE.search(agent):
        return False
    return agent in ("", _APPLE_PROXY) or _PROGRAMS.search(agent) is not None
