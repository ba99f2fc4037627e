"""The pages that recipients see: plain forms, no script, nothing from anywhere but the brand's logo."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

_STYLE = (files(__package__) / "templates" / "style.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode("ascii")

_ENVIRONMENT = Environment(
    loader=PackageLoader("dreamlit_sender.serve"), autoescape=True, undefined=StrictUndefined
)


@dataclass(frozen=True, slots=True)
class Brand:
    """What of the brand stands on a page; the logo only from an https address."""

    name: str = ""
    logo: str = ""
    postal_address: str = ""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Brand:
        """Return the brand as the database has it."""
        logo = _text(found.get("logo"))
        return cls(
            name=_text(found.get("name")),
            logo=logo if _origin(logo) else "",
            postal_address=_text(found.get("postal_address")),
        )


def page(template: str, title: str, brand: Brand, *, status: int = 200, **variables: Any) -> HTMLResponse:
    """Return a page that may be framed, stored, searched for and styled by nobody."""
    html = _ENVIRONMENT.get_template(f"{template}.html").render(
        title=title,
        brand=brand,
        style=Markup(_STYLE),  # noqa: S704 - a constant
        **variables,
    )
    images = _origin(brand.logo) or "'none'"
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src {images}; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, status, {"Content-Security-Policy": policy})


def masked(address: str) -> str:
    """Return an address that its owner knows again, and nobody else: an***@example.com."""
    local, _, domain = address.rpartition("@")
    return f"{local[:2] if len(local) > 3 else local[:1]}***@{domain}" if domain and local else "***"


def _origin(url: str) -> str:
    """Return the origin of an https address, for a header; empty for anything else."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    host = parts.hostname or ""
    plain = host.isascii() and host.replace("-", "").replace(".", "").replace("_", "").isalnum()
    return f"https://{host}{port}" if parts.scheme == "https" and plain else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
