"""`dreamlit doctor --domain` against a name server on loopback."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from dreamlit_cli.main import cli

Zone = dict[tuple[str, str], list[str]]


def public_key(bits: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode("ascii")


def quoted(text: str) -> str:
    """A TXT record in strings of 255 characters at most."""
    return " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))


KEY = f"v=DKIM1; k=rsa; p={public_key(2048)}"
ED25519 = base64.b64encode(
    ed25519.Ed25519PrivateKey.generate()
    .public_key()
    .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
).decode()
GOOD: Zone = {
    ("example.com", "MX"): ["10 mx1.example.com.", "20 mx2.example.com."],
    ("example.com", "TXT"): [
        quoted("v=spf1 include:_spf.provider.test ~all"),
        quoted("google-site-verification=x"),
    ],
    ("_spf.provider.test", "TXT"): [quoted("v=spf1 ip4:192.0.2.0/24 -all")],
    ("resend._domainkey.example.com", "TXT"): [quoted(KEY)],
    ("_dmarc.example.com", "TXT"): [quoted("v=DMARC1; p=quarantine; rua=mailto:d@example.com")],
}


class NameServer(threading.Thread):
    """Answers from a zone over UDP; a name that is refused gets SERVFAIL."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.zone: Zone = {}
        self.broken = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"

    def run(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                self._socket.close()
                return
            self._socket.sendto(self._answer(data), client)

    def end(self) -> None:
        host, port = self._socket.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.sendto(b"", (host, port))
        self.join(10)

    def _answer(self, data: bytes) -> bytes:
        query = dns.message.from_wire(data)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if self.broken:
            answer.set_rcode(dns.rcode.SERVFAIL)
            return answer.to_wire()
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), question.rdtype.name
        texts = self.zone.get((name, kind), [])
        if texts:
            answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, texts))
        elif not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer.to_wire(max_size=65_000)


@pytest.fixture
def nameserver() -> Iterator[NameServer]:
    server = NameServer()
    server.start()
    yield server
    server.end()


Ask = Callable[..., tuple[int, dict[str, dict[str, Any]]]]


@pytest.fixture
def ask(nameserver: NameServer) -> Ask:
    """Runs the command over a zone; returns its status and the checks by record."""

    def ask(zone: Zone, *words: str, domain: str = "example.com") -> tuple[int, dict[str, dict[str, Any]]]:
        nameserver.zone = zone
        command = ["doctor", "--domain", domain, "--nameserver", nameserver.address, "--json", *words]
        result = CliRunner().invoke(cli, command)
        assert result.stdout, result.stderr
        return result.exit_code, {check["record"]: check for check in json.loads(result.stdout)}

    return ask


def changed(**records: list[str] | None) -> Zone:
    """The good zone with some records replaced: SPF, DKIM, DMARC or MX."""
    names = {
        "spf": ("example.com", "TXT"),
        "dkim": ("resend._domainkey.example.com", "TXT"),
        "dmarc": ("_dmarc.example.com", "TXT"),
        "mx": ("example.com", "MX"),
    }
    zone = dict(GOOD)
    for record, texts in records.items():
        if texts is None:
            del zone[names[record]]
        else:
            zone[names[record]] = texts if record == "mx" else [quoted(text) for text in texts]
    return zone


def test_a_domain_that_has_everything_is_well(ask: Ask) -> None:
    status, checks = ask(GOOD)
    assert status == 0
    assert {record: check["state"] for record, check in checks.items()} == {
        "MX": "ok", "SPF": "ok", "DKIM": "ok", "DMARC": "ok", "alignment": "ok",
    }  # fmt: skip
    assert checks["DKIM"]["found"] == "rsa key of 2048 bits"
    assert checks["MX"]["found"] == "mx1.example.com, mx2.example.com"
    assert all(check["mend"] is None for check in checks.values())


def test_a_domain_that_has_nothing_is_told_what_to_add(ask: Ask) -> None:
    status, checks = ask({}, "--selector", "s1")
    assert status == 1
    assert {check["state"] for record, check in checks.items() if record != "alignment"} == {"critical"}
    assert 'add TXT example.com "v=spf1' in checks["SPF"]["mend"]
    assert "add TXT s1._domainkey.example.com" in checks["DKIM"]["mend"]
    assert 'add TXT _dmarc.example.com "v=DMARC1; p=none' in checks["DMARC"]["mend"]
    assert "MX example.com" in checks["MX"]["mend"]


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        (["v=spf1 +all"], "critical", "the whole world"),
        (["v=spf1 all"], "critical", "the whole world"),
        (["v=spf1 -all", "v=spf1 ~all"], "critical", "one TXT record"),
        (["v=spf1 include:nothing.test ~all"], "critical", "nothing.test, which has no SPF record"),
        (["v=spf1 include:example.com ~all"], "critical", "includes itself"),
        (["v=spf1 " + "a:x.test " * 11 + "~all"], "critical", "11 look-ups"),
        (["v=spf1 ip4:192.0.2.1"], "warning", "~all"),
        (["v=spf1 ip4:192.0.2.1 ?all"], "warning", "~all"),
        (["v=spf10 -all"], "critical", "add TXT"),
        (["v=spf1 " + "a:x.test " * 10 + "-all"], "ok", ""),
        (["v=spf1 redirect=_spf.provider.test"], "ok", ""),
        (["V=SPF1 IP4:192.0.2.1 -ALL"], "ok", ""),
    ],
)
def test_spf(ask: Ask, records: list[str], state: str, words: str) -> None:
    _, checks = ask(changed(spf=records))
    assert checks["SPF"]["state"] == state
    assert words in (checks["SPF"]["mend"] or "")


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        ([f"v=DKIM1; p={public_key(1024)}"], "warning", "2048"),
        (["v=DKIM1; k=rsa; p="], "critical", "add TXT"),
        (["v=DKIM1; k=rsa; p=abc"], "critical", "copy it again"),
        (["v=DKIM2; p=abc"], "critical", "add TXT"),
        ([KEY, KEY + "; n=two"], "critical", "keep one"),
        ([KEY + "; t=y"], "warning", "t=y"),
        ([f"k=ed25519; p={ED25519}"], "ok", ""),
        ([KEY.removeprefix("v=DKIM1; ")], "ok", ""),
    ],
)
def test_dkim(ask: Ask, records: list[str], state: str, words: str) -> None:
    _, checks = ask(changed(dkim=records), "--selector", "resend")
    assert checks["DKIM"]["state"] == state
    assert words in (checks["DKIM"]["mend"] or "")


def test_without_a_selector_the_usual_ones_are_tried(ask: Ask) -> None:
    _, checks = ask(changed(dkim=None))
    assert checks["DKIM"]["state"] == "warning"
    assert "--selector" in checks["DKIM"]["mend"]
    assert (checks["alignment"]["state"], "DKIM" in checks["alignment"]["found"]) == ("warning", False)


@pytest.mark.parametrize(
    ("records", "state", "words"),
    [
        (["v=DMARC1; p=none; rua=mailto:d@example.com"], "warning", "p=quarantine"),
        (["v=DMARC1; p=reject"], "warning", "rua="),
        (["v=DMARC1; p=what"], "critical", "say p=none"),
        (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "critical", "keep one"),
        (["v=DMARC1; p=reject; rua=mailto:d@example.com"], "ok", ""),
        (["something else"], "critical", "add TXT"),
    ],
)
def test_dmarc(ask: Ask, records: list[str], state: str, words: str) -> None:
    _, checks = ask(changed(dmarc=records))
    assert checks["DMARC"]["state"] == state
    assert words in (checks["DMARC"]["mend"] or "")


def test_the_policy_of_the_domain_above_holds_for_those_below(ask: Ask) -> None:
    zone = {
        **GOOD,
        ("mail.example.com", "MX"): ["10 mx.example.com."],
        ("mail.example.com", "TXT"): [quoted("v=spf1 -all")],
        ("_dmarc.example.com", "TXT"): [quoted("v=DMARC1; p=none; sp=reject; rua=mailto:d@example.com")],
    }
    _, checks = ask(zone, domain="mail.example.com")
    assert (checks["DMARC"]["name"], checks["DMARC"]["state"]) == ("_dmarc.example.com", "ok")


@pytest.mark.parametrize(
    ("dkim", "return_path", "dmarc", "state"),
    [
        (True, "bounces.provider.test", "r", "ok"),
        (False, "example.com", "r", "warning"),
        (False, "send.example.com", "r", "warning"),
        (False, "send.example.com", "s", "critical"),
        (False, "bounces.provider.test", "r", "critical"),
        (False, "badexample.com", "r", "critical"),
    ],
)
def test_what_proves_the_from(ask: Ask, dkim: bool, return_path: str, dmarc: str, state: str) -> None:
    zone = changed(dmarc=[f"v=DMARC1; p=reject; rua=mailto:d@example.com; aspf={dmarc}"])
    if not dkim:
        zone[("resend._domainkey.example.com", "TXT")] = [quoted("v=DKIM1; p=")]
    _, checks = ask(zone, "--return-path", return_path, "--selector", "resend")
    assert checks["alignment"]["state"] == state


@pytest.mark.parametrize(("mx", "state"), [(["0 ."], "warning"), (None, "critical")])
def test_a_domain_that_takes_no_mail(ask: Ask, mx: list[str] | None, state: str) -> None:
    _, checks = ask(changed(mx=mx))
    assert checks["MX"]["state"] == state


def test_people_see_a_line_a_record_with_what_to_do(nameserver: NameServer) -> None:
    nameserver.zone = GOOD | {("_dmarc.example.com", "TXT"): [quoted("v=DMARC1; p=none")]}
    result = CliRunner().invoke(
        cli, ["doctor", "--domain", "Example.COM.", "--nameserver", nameserver.address]
    )
    assert result.exit_code == 0
    assert "SPF example.com: v=spf1 include:_spf.provider.test ~all" in result.stdout
    assert "mend: add rua=" in result.stdout


def test_a_name_server_that_does_not_answer_is_an_error_and_no_missing_record(nameserver: NameServer) -> None:
    nameserver.broken = True
    result = CliRunner().invoke(
        cli, ["doctor", "--domain", "example.com", "--nameserver", nameserver.address]
    )
    assert result.exit_code == 1
    assert "no name server answered" in result.stderr
    assert "critical" not in result.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--domain", "a@example.com"], ["--domain", "exa mple.com"], ["--domain", ""], ["--domain", "a..b"],
        ["--domain", "example.com", "--nameserver", "no.such"], ["--domain", "example.com", "--nameserver", "127.0.0.1:x"],
        ["--selector", "s1"],
    ],
)  # fmt: skip
def test_what_is_no_domain_is_said_to_be_none(words: list[str]) -> None:
    result = CliRunner().invoke(cli, ["doctor", *words])
    assert result.exit_code in (1, 2)
    assert "error" in result.stderr.lower()
    assert "Traceback" not in result.stderr
