"""Attachments: what a content carries, and what the sender fetches for it.

A URL may come from the data of a row, so it is fetched as a stranger's: over https only, from public
addresses only, to the very address that was looked at, without redirects, up to a size and a time.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ipaddress
import mimetypes
import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import httpx

from dreamlit_sender import web
from dreamlit_sender.transport import Message, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_ATTACHED = 25 << 20
"""Bytes of all attachments of an email."""

_PLAIN = "application/octet-stream"


class AttachmentError(ValueError):
    """An attachment that cannot be sent, now or later."""


class _LaterError(Exception):
    """An attachment that could not be fetched now."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of an email; `cid` is set for one that the HTML shows by cid:NAME."""

    name: str
    type: str
    data: bytes
    cid: str | None = None

    @property
    def base64(self) -> str:
        """The data as the providers' APIs want it."""
        return base64.b64encode(self.data).decode("ascii")


def read_attachments(content: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """Return the attachments of a content, all fetched. Raises AttachmentError."""
    found, size = [], 0
    for one in content.get("attachments") or ():
        if not isinstance(one, dict) or not isinstance(one.get("content"), str):
            raise AttachmentError("an attachment has no content")
        try:
            data = base64.b64decode(one["content"].encode("ascii"), validate=True)
        except (binascii.Error, ValueError):
            raise AttachmentError("the content of an attachment is no base64") from None
        size += len(data)
        if size > MAX_ATTACHED:
            raise AttachmentError(f"the attachments have more than {MAX_ATTACHED >> 20} MB together")
        name = _clean(str(one.get("name") or "attachment"))
        found.append(Attachment(name, _type_of(one.get("type"), name), data, one.get("inline") or None))
    return tuple(found)


def _clean(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:200] or "attachment"


def _type_of(given: Any, name: str) -> str:
    kind = given if isinstance(given, str) and given else mimetypes.guess_type(name)[0]
    main, slash, sub = str(kind or _PLAIN).partition("/")
    # A part of these types would be read as the message's own structure.
    return f"{main}/{sub}" if slash and main.isalpha() and main not in ("multipart", "message") else _PLAIN


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches what stands behind the URLs of attachments; `private` allows one's own networks."""

    private: bool = False
    timeout: float = 15.0
    largest: int = MAX_ATTACHED

    async def complete(self, message: Message, provider: str) -> Message | Outcome:
        """Return the message with every attachment in it, or the outcome if one is not to be had."""
        given = message.content.get("attachments")
        if not given or not any(isinstance(one, dict) and "url" in one for one in given):
            return message
        try:
            async with asyncio.timeout(self.timeout):
                found = await self._all(given)
        except AttachmentError as error:
            return Outcome.failed("recipient", code="attachment", error=str(error), provider=provider)
        except (_LaterError, TimeoutError, OSError, httpx.HTTPError) as error:
            text = str(error) or type(error).__name__
            return Outcome.failed("transient", code="attachment", error=text[:500], provider=provider)
        # The key that makes a second handover harmless is of the content as stored.
        stored = message.content if message.stored is None else message.stored
        return replace(message, content={**message.content, "attachments": found}, stored=stored)

    async def _all(self, given: list[Any]) -> list[dict[str, Any]]:
        found, left = [], self.largest
        async with httpx.AsyncClient(verify=web.tls(), timeout=self.timeout, trust_env=False) as client:
            for one in given:
                if isinstance(one, dict) and "url" in one:
                    data, kind = await self._fetch(client, str(one["url"]), left)
                    left -= len(data)
                    rest = {key: value for key, value in one.items() if key != "url"}
                    found.append({"type": kind, **rest, "content": base64.b64encode(data).decode("ascii")})
                else:
                    found.append(one)
        return found

    async def _fetch(self, client: httpx.AsyncClient, text: str, left: int) -> tuple[bytes, str]:
        url, address = await self._checked(text)
        request = client.build_request(
            "GET",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii"), "Accept-Encoding": "identity"},
            extensions={"sni_hostname": url.host},
        )
        answer = await client.send(request, stream=True, follow_redirects=False)
        try:
            if answer.status_code in (408, 425, 429) or answer.status_code >= 500:
                raise _LaterError(f"{url.host} answered {answer.status_code} for an attachment")
            if answer.status_code != 200:
                raise AttachmentError(f"{url.host} answered {answer.status_code} for an attachment")
            data = b""
            async for chunk in answer.aiter_bytes():
                data += chunk
                if len(data) > left:
                    raise AttachmentError(f"the attachments have more than {self.largest >> 20} MB together")
            return data, answer.headers.get("Content-Type", _PLAIN).partition(";")[0].strip()
        finally:
            await answer.aclose()

    async def _checked(self, text: str) -> tuple[httpx.URL, str]:
        """Return the URL and the address to connect to: looking it up again could give another."""
        try:
            url = httpx.URL(text)
        except (httpx.InvalidURL, ValueError):
            raise AttachmentError("the url of an attachment is none") from None
        if url.scheme not in ("https", "http") or not url.host or url.userinfo:
            raise AttachmentError("the url of an attachment begins with https:// and names a host")
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            entries = await asyncio.get_running_loop().getaddrinfo(
                url.host.strip("[]"), port, type=socket.SOCK_STREAM
            )
        except socket.gaierror:
            raise _LaterError(f"there is no host {url.host}") from None
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in entries]
        if not self.private and not all(
            address.is_global and not address.is_multicast for address in addresses
        ):
            raise AttachmentError(
                f"{url.host} is not on the public internet: set DREAMLIT_FETCH_PRIVATE to fetch from there"
            )
        if url.scheme == "http" and not all(address.is_loopback for address in addresses):
            raise AttachmentError(f"the url of an attachment at {url.host} is without https")
        return url, str(addresses[0])
