"""What DNS says of a domain that sends e-mail: MX, SPF, DKIM, DMARC, and whether they fit the From.

Sources: RFC 7208 (SPF: one record, ten look-ups), RFC 6376 and RFC 8301 (DKIM: RSA keys of 1024 bits at
least, 2048 better), RFC 7489 (DMARC: alignment), RFC 7505 (null MX); what Gmail and Yahoo ask of senders.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import dns.exception
import dns.name
import dns.resolver
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from dreamlit_pg.errors import DreamlitError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

State = Literal["ok", "warning", "critical"]

COMMON_SELECTORS = (
    *("resend", "pm", "google", "selector1", "selector2", "s1", "s2", "k1", "mx", "mta", "smtp", "mail"),
    *("email", "default", "dkim", "dreamlit"),
)
"""Selectors that providers and mail servers use; those of SES and Postmark differ from domain to domain."""

_MOST_LOOKUPS = 10
_ADD = "add"
_COUNTED = ("include", "a", "mx", "ptr", "exists")


@dataclass(frozen=True, slots=True)
class DomainCheck:
    """One record: where it stands, what is there, and what to add or change."""

    record: str
    name: str
    state: State
    found: str
    mend: str | None = None


class _Dns:
    """Asks for records. Raises DreamlitError where nobody answers."""

    def __init__(self, nameserver: str | None, timeout: float) -> None:
        try:
            self._resolver = dns.resolver.Resolver(configure=nameserver is None)
        except dns.exception.DNSException as error:
            raise DreamlitError(f"this machine's name servers are not known: {error}") from None
        if nameserver is not None:
            host, port = _host_and_port(nameserver)
            self._resolver.nameservers = [host]
            self._resolver.port = port
        self._resolver.lifetime = timeout

    def texts(self, name: str) -> list[str]:
        """Return the TXT records, each one's strings joined."""
        found = self._ask(name, "TXT")
        return [b"".join(record.strings).decode("utf-8", "replace") for record in found]

    def hosts(self, name: str) -> list[str]:
        """Return the mail servers by preference; a null MX is an empty name."""
        found = sorted(self._ask(name, "MX"), key=lambda record: int(record.preference))
        return [str(record.exchange).rstrip(".") for record in found]

    def exists(self, name: str) -> bool:
        """Whether there is an address under the name."""
        return bool(self._ask(name, "A") or self._ask(name, "AAAA"))

    def _ask(self, name: str, kind: str) -> list[Any]:
        try:
            return list(self._resolver.resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.Timeout, dns.resolver.NoNameservers) as error:
            raise DreamlitError(
                f"no name server answered for {name}: {type(error).__name__}",
                hint="Try again, or name one that does: --nameserver 9.9.9.9",
            ) from None
        except dns.exception.DNSException as error:
            raise DreamlitError(f"{name} cannot be asked for: {error}") from None


def check_domain(
    domain: str,
    *,
    selectors: Sequence[str] = (),
    return_path: str | None = None,
    nameserver: str | None = None,
    timeout: float = 5.0,
) -> list[DomainCheck]:
    """Return the checks of the domain in the From.

    `return_path` is the domain of the envelope's sender where a provider uses one of its own. `nameserver` is
    an address with an optional port. Raises DreamlitError where DNS does not answer.
    """
    domain = _domain_name(domain)
    sender = _domain_name(return_path) if return_path else domain
    resolver = _Dns(nameserver, timeout)
    policy_at, policy = _find_dmarc(resolver, domain)
    dkim = list(_dkim(resolver, domain, selectors))
    return [
        _mx(resolver, domain),
        _spf(resolver, sender),
        *dkim,
        _dmarc(domain, policy_at, policy),
        _alignment(domain, sender, policy_at, policy, signed=any(_is_key(check) for check in dkim)),
    ]


def _mx(resolver: _Dns, domain: str) -> DomainCheck:
    hosts = resolver.hosts(domain)
    if hosts == [""]:
        return DomainCheck("MX", domain, "warning", "a null MX: the domain takes no mail", _answers(domain))
    if hosts:
        return DomainCheck("MX", domain, "ok", ", ".join(hosts))
    if resolver.exists(domain):
        found = "none; mail goes to the domain's own address"
        return DomainCheck("MX", domain, "warning", found, _answers(domain))
    return DomainCheck("MX", domain, "critical", "none, and no address either", _answers(domain))


def _answers(domain: str) -> str:
    return f"answers to the From and bounces get nowhere: add MX {domain} → the server that takes your mail"


# SPF


def _spf(resolver: _Dns, domain: str) -> DomainCheck:
    records = _spf_records(resolver, domain)
    if not records:
        return DomainCheck(
            *("SPF", domain, "critical", "none"),
            f'add TXT {domain} "v=spf1 include:SPF.OF.YOUR.PROVIDER ~all" (your provider names the include)',
        )
    if len(records) > 1:
        mend = "join them into one TXT record: receivers take several for an error"
        return DomainCheck("SPF", domain, "critical", f"{len(records)} records: {'; '.join(records)}", mend)
    state, fault = _judge_spf(resolver, domain, records[0])
    return DomainCheck("SPF", domain, state, records[0], fault)


def _judge_spf(resolver: _Dns, domain: str, record: str) -> tuple[State, str | None]:
    terms = record.lower().split()[1:]
    end = next((term for term in terms if term.lstrip("+-~?") == "all"), "")
    if end in ("all", "+all"):
        return "critical", "end it with ~all: now the whole world may send in your name"
    lookups, trouble = _count_lookups(resolver, domain, ())
    if trouble:
        return "critical", trouble
    if lookups > _MOST_LOOKUPS:
        most = f"it needs {lookups} look-ups, and receivers stop at {_MOST_LOOKUPS}"
        return "critical", f"{most}: take out includes that you do not use"
    if end in ("", "?all") and not any(term.startswith("redirect=") for term in terms):
        return "warning", "end it with ~all, so that it says who may not send"
    return "ok", None


def _spf_records(resolver: _Dns, domain: str) -> list[str]:
    return [text for text in resolver.texts(domain) if re.match(r"v=spf1(\s|$)", text, re.IGNORECASE)]


def _count_lookups(resolver: _Dns, domain: str, above: tuple[str, ...]) -> tuple[int, str | None]:
    """Return the look-ups of a record and of those it includes, and what is wrong among them."""
    if domain in above:
        return 0, f"{domain} includes itself"
    records = _spf_records(resolver, domain)
    if above and len(records) != 1:
        return (
            0,
            f"it includes {domain}, which has {len(records) or 'no'} SPF record{'s' * (len(records) > 1)}",
        )
    count = 0
    for term in records[0].lower().split()[1:]:
        name, _, value = term.lstrip("+-~?").replace("redirect=", "redirect:", 1).partition(":")
        name = name.partition("/")[0]
        count += name in _COUNTED or name == "redirect"
        if name in ("include", "redirect") and "%" not in value and count <= 3 * _MOST_LOOKUPS:
            more, trouble = _count_lookups(resolver, value.rstrip("."), (*above, domain))
            count += more
            if trouble:
                return count, trouble
    return count, None


# DKIM


def _dkim(resolver: _Dns, domain: str, selectors: Sequence[str]) -> Iterator[DomainCheck]:
    if selectors:
        for selector in selectors:
            yield _dkim_key(resolver, f"{_domain_name(selector)}._domainkey.{domain}")
        return
    found = [f"{selector}._domainkey.{domain}" for selector in COMMON_SELECTORS]
    present = [name for name in found if resolver.texts(name)]
    for name in present:
        yield _dkim_key(resolver, name)
    if not present:
        yield DomainCheck(
            *("DKIM", f"*._domainkey.{domain}", "warning"),
            "none under the usual selectors",
            "name the selector that your provider shows, or your own: --selector NAME",
        )


def _dkim_key(resolver: _Dns, name: str) -> DomainCheck:
    texts = resolver.texts(name)
    add = f'add TXT {name} "v=DKIM1; k=rsa; p=YOUR PUBLIC KEY", or the CNAME that your provider shows'
    if not texts:
        return DomainCheck("DKIM", name, "critical", "none", add)
    if len(texts) > 1:
        found = f"{len(texts)} records"
        return DomainCheck("DKIM", name, "critical", found, "keep one: receivers may take any of them")
    state, found, mend = _judge_key(texts[0])
    return DomainCheck("DKIM", name, state, found, add if mend == _ADD else mend)


def _judge_key(text: str) -> tuple[State, str, str | None]:
    tags = _tags(text)
    kind, key = tags.get("k", "rsa"), tags.get("p")
    if tags.get("v", "DKIM1") != "DKIM1" or not key:
        return "critical", "a key that was revoked" if key == "" else f"no key: {text[:100]}", _ADD
    bits = _bits(key, kind)
    if bits is None:
        return "critical", "a key that cannot be read", "copy it again, whole"
    test = "y" in tags.get("t", "").split(":")
    found = f"{kind} key of {bits} bits" + (", marked as a test" if test else "")
    if test:
        return "warning", found, "take t=y out once signing works: receivers may treat the mail as unsigned"
    if kind == "rsa" and bits < 2048:
        weak = "receivers ignore it: make one of 2048 bits"
        later = "make one of 2048 bits when you next change it"
        return ("critical", found, weak) if bits < 1024 else ("warning", found, later)
    return "ok", found, None


def _is_key(check: DomainCheck) -> bool:
    """Whether a usable key was found, and not just none under the names that were tried."""
    return check.state != "critical" and not check.name.startswith("*.")


def _bits(text: str, kind: str) -> int | None:
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
        if kind == "ed25519":
            ed25519.Ed25519PublicKey.from_public_bytes(data)
            return 256
        key = load_der_public_key(data)
    except (binascii.Error, ValueError):
        return None
    return key.key_size if isinstance(key, rsa.RSAPublicKey) else None


# DMARC


def _find_dmarc(resolver: _Dns, domain: str) -> tuple[str, list[str]]:
    """Return the domain whose policy holds, and its records: the domain's own, or those of one above it."""
    labels = domain.split(".")
    for place in range(max(1, len(labels) - 1)):
        above = ".".join(labels[place:])
        records = [
            text
            for text in resolver.texts(f"_dmarc.{above}")
            if re.match(r"v\s*=\s*DMARC1\s*(;|$)", text, re.IGNORECASE)
        ]
        if records:
            return above, records
    return domain, []


def _dmarc(domain: str, policy_at: str, records: Sequence[str]) -> DomainCheck:
    name = f"_dmarc.{policy_at}"
    if not records:
        mend = f'add TXT {name} "v=DMARC1; p=none; rua=mailto:dmarc@{domain}", and later p=quarantine'
        return DomainCheck("DMARC", name, "critical", "none", mend)
    if len(records) > 1:
        mend = "keep one: receivers ignore several"
        return DomainCheck("DMARC", name, "critical", "; ".join(records), mend)
    record, tags = records[0], _tags(records[0])
    policy = tags.get("sp", tags.get("p", "")) if policy_at != domain else tags.get("p", "")
    if policy.lower() not in ("none", "quarantine", "reject"):
        return DomainCheck("DMARC", name, "critical", record, "say p=none, p=quarantine or p=reject")
    if "rua" not in tags:
        mend = f"add rua=mailto:dmarc@{domain}: without reports nobody sees what fails"
        return DomainCheck("DMARC", name, "warning", record, mend)
    if policy.lower() == "none":
        mend = "once the reports show that your mail passes, say p=quarantine: now anybody may use your name"
        return DomainCheck("DMARC", name, "warning", record, mend)
    return DomainCheck("DMARC", name, "ok", record)


def _alignment(
    domain: str, sender: str, policy_at: str, records: Sequence[str], *, signed: bool
) -> DomainCheck:
    tags: Mapping[str, str] = _tags(records[0]) if len(records) == 1 else {}
    strict = tags.get("aspf", "r").lower() == "s"
    within = sender == policy_at or sender.endswith(f".{policy_at}") or policy_at.endswith(f".{sender}")
    spf = sender == domain if strict else sender == domain or within
    ways = [*(["SPF"] if spf else []), *(["DKIM"] if signed else [])]
    found = f"From {domain}, envelope {sender}: aligned by {' and '.join(ways) or 'nothing'}"
    if signed:
        return DomainCheck("alignment", domain, "ok", found)
    if spf:
        mend = f"sign with DKIM as {domain} too: SPF does not survive forwarding"
        return DomainCheck("alignment", domain, "warning", found, mend)
    mend = f"sign with DKIM as {domain}, or have your provider use a return path within {domain}"
    return DomainCheck("alignment", domain, "critical", found, mend)


def _tags(record: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in record.split(";") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _domain_name(text: str) -> str:
    try:
        name = dns.name.from_text(text.strip().rstrip("."), origin=None, idna_codec=dns.name.IDNA_2008)
    except dns.exception.DNSException:
        raise DreamlitError(f"{text!r} is no domain", hint="Write it like example.com.") from None
    found = name.to_text().lower()
    if "@" in found or " " in found or "\\" in found or found in ("", "@", "."):
        raise DreamlitError(f"{text!r} is no domain", hint="Write it like example.com.")
    return found


def _host_and_port(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "53")
    try:
        return str(ipaddress.ip_address(host.strip("[]"))), int(port)
    except ValueError:
        raise DreamlitError(
            f"{text!r} is no name server",
            hint="Write its address, and a port if it is not 53: 127.0.0.1:5353.",
        ) from None
