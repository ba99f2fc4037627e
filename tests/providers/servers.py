"""Servers on loopback that answer as each provider documents, and keep what a recipient would get."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import hashlib
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import getaddresses
from typing import Any

Reply = tuple[int, Mapping[str, str], bytes]
UNVERIFIED = "unverified.test"


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Delivered:
    """A message as its recipients get it."""

    sender: str
    recipients: frozenset[str]
    subject: str
    text: str
    html: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


class ProviderServer:
    """Speaks HTTP; `answer` replaces the provider's own answer where a test wants another one.

    `lost_answers` many requests are worked on and then cut off without an answer.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.delivered: list[Delivered] = []
        self.connections = 0
        self.lost_answers = 0
        self.answer: Callable[[Request], Awaitable[Reply | None] | Reply | None] | None = None

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])
            }
            body = await reader.readexactly(int(headers["content-length"]))
            request = Request(head[0].split()[1], headers, body)
            self.requests.append(request)
            reply = await self._reply(request)
            if reply is None:
                return
            status, fields, data = reply
            lines = [f"HTTP/1.1 {status} X", *(f"{key}: {value}" for key, value in fields.items())]
            lines.append(f"Content-Length: {len(data)}")
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + data)
            await writer.drain()

    async def _reply(self, request: Request) -> Reply | None:
        if self.answer is not None:
            answer = self.answer(request)
            return await answer if isinstance(answer, Awaitable) else answer
        reply = self.usual(request)
        if self.lost_answers > 0:
            self.lost_answers -= 1
            return None
        return reply

    def usual(self, request: Request) -> Reply:
        raise NotImplementedError

    def error(self, status: int, text: str) -> Reply:
        """The provider's own form of an error that concerns the whole request."""
        raise NotImplementedError


def as_json(document: Any, status: int = 200, **headers: str) -> Reply:
    fields = {"Content-Type": "application/json"}
    fields |= {key.replace("_", "-"): value for key, value in headers.items()}
    return status, fields, json.dumps(document).encode()


def bare(addresses: str | Sequence[str]) -> list[str]:
    """The mailboxes of `Name <a@b>, …`."""
    return [address for _, address in getaddresses([addresses] if isinstance(addresses, str) else addresses)]


class ResendServer(ProviderServer):
    """https://resend.com/docs/api-reference: idempotency keys, batches in both validation modes."""

    key = "re_secret_key"

    def __init__(self) -> None:
        super().__init__()
        self.remembered: dict[str, tuple[bytes, Reply]] = {}

    def error(self, status: int, text: str, name: str = "validation_error") -> Reply:
        return as_json({"statusCode": status, "name": name, "message": text}, status)

    def usual(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return self.error(403, "API key is invalid", "invalid_api_key")
        key = request.headers.get("idempotency-key")
        if key is None:
            return self._work(request)
        if not 1 <= len(key) <= 256:
            return self.error(400, "The key must be between 1-256 chars", "invalid_idempotency_key")
        if key in self.remembered:
            body, reply = self.remembered[key]
            if body != request.body:
                text = "Same idempotency key used with a different request payload"
                return self.error(409, text, "invalid_idempotent_request")
            return reply
        reply = self._work(request)
        if reply[0] == 200:
            self.remembered[key] = (request.body, reply)
        return reply

    def _work(self, request: Request) -> Reply:
        if request.path == "/emails":
            fault = self._fault(request.json)
            return fault or as_json({"id": self._accept(request.json)})
        if request.path != "/emails/batch":
            return self.error(404, "The requested endpoint does not exist", "not_found")
        emails = request.json
        if len(emails) > 100:
            return self.error(422, "A batch may have up to 100 emails")
        if any("attachments" in one for one in emails):
            return self.error(422, "The `attachments` field is not supported in a batch")
        faults = {index: fault for index, one in enumerate(emails) if (fault := self._fault(one))}
        if faults and request.headers.get("x-batch-validation") != "permissive":
            return next(iter(faults.values()))
        data = [{"id": self._accept(one)} for index, one in enumerate(emails) if index not in faults]
        errors = [
            {"index": index, "message": json.loads(fault[2])["message"]} for index, fault in faults.items()
        ]
        return as_json({"data": data, "errors": errors} if errors else {"data": data})

    def _fault(self, one: Mapping[str, Any]) -> Reply | None:
        for name in ("from", "to", "subject"):
            if not one.get(name):
                return self.error(422, f"Missing `{name}` field.", "missing_required_field")
        if bare(one["from"])[0].endswith(f"@{UNVERIFIED}"):
            return self.error(403, f"The {UNVERIFIED} domain is not verified. Please, add and verify it.")
        everyone = [*one["to"], *one.get("cc", ()), *one.get("bcc", ())]
        if len(everyone) > 50 or any("invalid" in address for address in everyone):
            return self.error(422, "Invalid `to` field. The address needs to follow `email@example.com`.")
        names = [tag["name"] for tag in one.get("tags", ())]
        if not all(re.fullmatch(r"[A-Za-z0-9_-]{1,256}", name) for name in names):
            return self.error(422, "Tags should only contain ASCII letters, numbers, underscores, or dashes")
        return None

    def _accept(self, one: Mapping[str, Any]) -> str:
        headers = {name.lower(): value for name, value in one.get("headers", {}).items()}
        headers |= {"to": ", ".join(one["to"]), "cc": ", ".join(one.get("cc", ()))}
        headers["reply-to"] = ", ".join(one.get("reply_to", ()))
        everyone = bare([*one["to"], *one.get("cc", ()), *one.get("bcc", ())])
        self.delivered.append(
            Delivered(one["from"], frozenset(everyone), one["subject"], one["text"], one.get("html"), headers)
        )
        return f"re-{len(self.delivered)}"


class PostmarkServer(ProviderServer):
    """https://postmarkapp.com/developer/api: 422 with an error code; batches are 200 whatever is in them."""

    key = "pm-secret-token"

    def error(self, status: int, text: str, code: int = 300) -> Reply:
        return as_json({"ErrorCode": code, "Message": text}, status)

    def usual(self, request: Request) -> Reply:
        if request.headers.get("x-postmark-server-token") != self.key:
            return self.error(401, "No Account or Server API tokens were supplied in the HTTP headers.", 10)
        if request.headers.get("accept") != "application/json":
            return self.error(422, "Accept header is missing", 409)
        if request.path == "/email":
            document = self._one(request.json)
            return as_json(document, 422 if document["ErrorCode"] else 200)
        if request.path != "/email/batch":
            return 404, {}, b""
        if len(request.json) > 500:
            return self.error(422, "You may only send up to 500 messages in a single batch.", 410)
        return as_json([self._one(one) for one in request.json])

    def _one(self, one: Mapping[str, Any]) -> dict[str, Any]:
        everyone = bare([one["To"], one.get("Cc", ""), one.get("Bcc", "")])
        everyone = [address for address in everyone if address]
        if bare(one["From"])[0].endswith(f"@{UNVERIFIED}"):
            return {"ErrorCode": 400, "Message": "The 'From' address you supplied is not a Sender Signature."}
        if len(everyone) > 50 or any("invalid" in address for address in everyone):
            return {"ErrorCode": 300, "Message": "Invalid 'To' address."}
        assert all(len(key) <= 20 and len(value) <= 80 for key, value in one["Metadata"].items())
        inactive = [address for address in everyone if address.startswith("inactive")]
        if len(inactive) == len(everyone):
            text = f"You tried to send to a recipient that has been marked as inactive: {inactive[0]}."
            return {"ErrorCode": 406, "Message": text}
        headers = {entry["Name"].lower(): entry["Value"] for entry in one["Headers"]}
        if headers.pop("x-pm-keepid", None) != "true":
            headers["message-id"] = "<0b1c@mtasv.net>"
        headers |= {"to": one["To"], "cc": one.get("Cc", ""), "reply-to": one.get("ReplyTo", "")}
        recipients = frozenset(address for address in everyone if address not in inactive)
        self.delivered.append(
            Delivered(one["From"], recipients, one["Subject"], one["TextBody"], one.get("HtmlBody"), headers)
        )
        note = (
            f"Message OK, but will not deliver to these inactive addresses: {', '.join(inactive)}."
            if inactive
            else "OK"
        )
        return {"ErrorCode": 0, "Message": note, "MessageID": f"pm-{len(self.delivered)}", "To": one["To"]}


class SesServer(ProviderServer):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2: signatures, raw messages, 400s of many types."""

    key = "ses/secret+key"
    key_id = "AKIDEXAMPLE"
    region = "eu-west-1"

    def error(self, status: int, text: str, kind: str = "BadRequestException") -> Reply:
        return as_json({"message": text}, status, x_amzn_ErrorType=f"{kind}:http://internal.amazon.com/")

    def usual(self, request: Request) -> Reply:
        if request.headers.get("authorization") != self._expected(request):
            text = "The request signature we calculated does not match the signature you provided."
            return self.error(403, text, "SignatureDoesNotMatch")
        if request.path != "/v2/email/outbound-emails":
            return self.error(404, "", "UnknownOperationException")
        document = request.json
        data = base64.b64decode(document["Content"]["Raw"]["Data"], validate=True)
        mail = email.message_from_bytes(data, policy=email.policy.default)
        recipients = [address for kind in document["Destination"].values() for address in kind]
        if bare(str(mail["From"]))[0].endswith(f"@{UNVERIFIED}"):
            text = f"Email address is not verified. The following identities failed the check: {UNVERIFIED}"
            return self.error(400, text, "MessageRejected")
        if len(recipients) > 50 or any("invalid" in address for address in recipients):
            return self.error(400, "Illegal address")
        self.delivered.append(read_mime(mail, recipients, message_id="<0102-eu@eu-west-1.amazonses.com>"))
        return as_json({"MessageId": f"ses-{len(self.delivered)}"})

    def _expected(self, request: Request) -> str:
        """The Authorization that AWS would compute from what came over the wire."""
        given = re.search(r"SignedHeaders=([^,]+)", request.headers.get("authorization", ""))
        names = given[1] if given else ""
        stamp = request.headers.get("x-amz-date", "")
        lines = [f"{name}:{request.headers.get(name, '')}\n" for name in names.split(";")]
        digest = hashlib.sha256(request.body).hexdigest()
        canonical = f"POST\n{request.path}\n\n{''.join(lines)}\n{names}\n{digest}"
        scope = f"{stamp[:8]}/{self.region}/ses/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"AWS4" + self.key.encode()
        for part in (stamp[:8], self.region, "ses", "aws4_request", text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        credential = f"Credential={self.key_id}/{scope}"
        return f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={key.hex()}"


class SendgridServer(ProviderServer):
    """https://www.twilio.com/docs/sendgrid/api-reference/mail-send: 202, or errors that name their field."""

    key = "SG.secret.key"
    reserved = (
        *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"),
        *("to", "from", "subject", "reply-to", "cc", "bcc"),
    )

    def error(self, status: int, text: str, name: str | None = None) -> Reply:
        return as_json({"errors": [{"message": text, "field": name, "help": None}]}, status)

    def usual(self, request: Request) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            text = "The provided authorization grant is invalid, expired, or revoked"
            return self.error(401, text)
        if request.path != "/v3/mail/send":
            return self.error(404, "Not Found")
        one = request.json
        [personalization] = one["personalizations"]
        everyone = [entry["email"] for kind in personalization.values() for entry in kind]
        if one["from"]["email"].endswith(f"@{UNVERIFIED}"):
            return self.error(403, "The from address does not match a verified Sender Identity.", "from")
        wrong = {
            "personalizations.0.to.0.email": any("invalid" in address for address in everyone),
            "personalizations": len({address.lower() for address in everyone}) != len(everyone),
            "subject": not one["subject"],
            "content.0.value": not all(part["value"] for part in one["content"]),
            "headers": any(name.lower() in self.reserved for name in one["headers"]),
        }
        if any(wrong.values()):
            return self.error(400, "This is not right.", next(name for name, is_so in wrong.items() if is_so))
        contents = {part["type"]: part["value"] for part in one["content"]}
        assert list(contents) == sorted(contents, reverse=True), "text/plain comes first"
        headers = {name.lower(): value for name, value in one["headers"].items()}
        headers |= {"to": shown(personalization["to"]), "cc": shown(personalization.get("cc", ()))}
        replies = one.get("reply_to_list") or ([one["reply_to"]] if "reply_to" in one else [])
        headers["reply-to"] = shown(replies)
        self.delivered.append(
            Delivered(
                shown([one["from"]]),
                frozenset(everyone),
                one["subject"],
                contents["text/plain"],
                contents.get("text/html"),
                headers,
            )
        )
        return 202, {"X-Message-Id": f"sg-{len(self.delivered)}"}, b""


class MailgunServer(ProviderServer):
    """https://documentation.mailgun.com: messages.mime, a form with recipients and a file."""

    key = "mg-secret-key"
    domain = "mg.sender.test"

    def error(self, status: int, text: str) -> Reply:
        return as_json({"message": text}, status)

    def usual(self, request: Request) -> Reply:
        login = base64.b64encode(f"api:{self.key}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {login}":
            return 401, {"Content-Type": "text/html"}, b"Forbidden"
        if request.path != f"/v3/{self.domain}/messages.mime":
            return self.error(404, "Domain not found")
        kind = request.headers["content-type"].encode()
        form = email.message_from_bytes(b"Content-Type: " + kind + b"\r\n\r\n" + request.body)
        recipients, mail = [], None
        for part in form.get_payload():
            name = part.get_param("name", header="content-disposition")
            if name == "to":
                recipients.append(part.get_payload(decode=True).decode())
            elif name == "message" and part.get_filename():
                data = part.get_payload(decode=False)
                raw = part.get_payload(0).as_bytes() if isinstance(data, list) else data.encode()
                mail = email.message_from_bytes(raw, policy=email.policy.default)
        if not recipients or mail is None:
            return self.error(400, f"{'message' if recipients else 'to'} parameter is missing")
        if any("invalid" in address for address in recipients):
            return self.error(400, "'to' parameter is not a valid address. please check documentation")
        if bare(str(mail["From"]))[0].endswith(f"@{UNVERIFIED}"):
            return self.error(400, f"Domain {self.domain} is not allowed to send: the From is not yours")
        self.delivered.append(read_mime(mail, recipients))
        text = f"<mg-{len(self.delivered)}@{self.domain}>"
        return as_json({"id": text, "message": "Queued. Thank you."})


def shown(entries: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(
        f"{entry['name']} <{entry['email']}>" if "name" in entry else entry["email"] for entry in entries
    )


def read_mime(mail: Any, recipients: Sequence[str], *, message_id: str | None = None) -> Delivered:
    headers = {name.lower(): str(value) for name, value in mail.items()}
    if message_id is not None:
        headers["message-id"] = message_id
    html, plain = mail.get_body(("html",)), mail.get_body(("plain",))
    return Delivered(
        str(mail["From"]),
        frozenset(recipients),
        str(mail["Subject"]),
        plain.get_content().replace("\r\n", "\n"),
        None if html is None else html.get_content().replace("\r\n", "\n"),
        headers,
    )


SERVERS: Mapping[str, type[ProviderServer]] = {
    "resend": ResendServer,
    "postmark": PostmarkServer,
    "ses": SesServer,
    "sendgrid": SendgridServer,
    "mailgun": MailgunServer,
}
