"""Delivery to Slack: chat.postMessage with a bot token, or an incoming webhook.

A message to a person names an e-mail address: users.lookupByEmail (scopes users:read, users:read.email) finds
the member and conversations.open (scope im:write) the conversation with the app.
"""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from dreamlit_sender import web
from dreamlit_sender.transport import Fault, Handover, Message, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx

    from dreamlit_sender.config import SlackConfig
    from dreamlit_sender.secret import Secret

PROVIDER = "slack"

_RECIPIENT = frozenset(
    [
        "channel_not_found",
        "is_archived",
        "channel_is_archived",
        "not_in_channel",
        "user_not_found",
        "users_not_found",
        "thread_not_found",
        "user_disabled",
        "cannot_dm_bot",
        "is_inactive",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
        "restricted_action_non_threadable_channel",
        "cannot_reply_to_message",
        "message_limit_exceeded",
        "msg_too_long",
        "msg_blocks_too_long",
        "no_text",
        "too_many_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_attachments",
        "invalid_arguments",
        "invalid_arg_name",
        "invalid_array_arg",
        "invalid_payload",
        "invalid_post_type",
        "invalid_json",
        "json_not_object",
        "duplicate_channel_not_found",
        "messages_tab_disabled",
        "slack_connect_file_link_sharing_blocked",
        "metadata_too_large",
        "attachment_payload_limit_exceeded",
        "invalid_metadata_format",
        "invalid_metadata_schema",
        "metadata_must_be_sent_from_app",
    ]
)
_CONFIGURATION = frozenset(
    [
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "account_inactive",
        "no_permission",
        "not_allowed_token_type",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "missing_post_type",
        "org_login_required",
        "two_factor_setup_required",
        "access_denied",
        "accesslimited",
        "app_missing_action_url",
        "deprecated_endpoint",
        "method_deprecated",
        "no_service",
        "no_service_id",
        "no_team",
        "team_disabled",
        "invalid_token",
        "action_prohibited",
        "posting_to_general_channel_denied",
        "team_access_not_granted",
        "team_not_found",
        "unknown_method",
    ]
)
_TRANSIENT = frozenset(
    [
        "ratelimited",
        "rate_limited",
        "rollup_error",
        "service_unavailable",
        "request_timeout",
        "team_added_to_org",
        "external_channel_migrating",
    ]
)
# Slack's documentation of chat.postMessage: some aspect of the operation may have succeeded before the error.
_UNKNOWN = frozenset(["internal_error", "fatal_error"])
# A webhook is bound to its channel: without the channel no message of ours gets through.
_WEBHOOK_CONFIGURATION = _CONFIGURATION | {"channel_not_found", "channel_is_archived", "is_archived"}

_STATUS_FAULTS: Mapping[int, Fault] = {
    401: "configuration",
    403: "configuration",
    404: "configuration",
    405: "configuration",
    407: "configuration",
    408: "transient",
    410: "configuration",
    425: "transient",
    429: "transient",
}


class SlackTransport:
    """Delivers to one Slack workspace.

    A message that names a channel goes out with the token if there is one, every other through the webhook.
    Only the token can reply in threads and write to people.
    """

    def __init__(
        self, config: SlackConfig, *, connections: int = 16, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._people = _People(clock)
        self._connections = web.Connections(config.timeout, connections)

    async def deliver(self, message: Message) -> Outcome:
        """Deliver one message and return what Slack said; provider_id is the message's `ts`."""
        message.handover.not_yet()
        content = message.content
        body = {key: content[key] for key in ("text", "blocks") if content.get(key)}
        if not body:
            return _failed("recipient", "no_text", "the message has neither text nor blocks")
        token, webhook = self._config.token, self._config.webhook_url
        direct = bool(content.get("to")) and not content.get("channel")
        if not token and webhook and (direct or "thread_ts" in content):
            what = "write to a person" if direct else "reply in a thread"
            return _failed("configuration", "webhook", f"a webhook cannot {what}: set DREAMLIT_SLACK_TOKEN")
        if token and (content.get("channel") or direct or not webhook):
            return await self._deliver_with(token, content, body, message.handover)
        if webhook:
            return await self._post_webhook(webhook, body, message.handover)
        return _failed("configuration", "not_configured", "neither a Slack token nor a webhook is set")

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()

    async def _deliver_with(
        self, token: Secret, content: Mapping[str, Any], body: dict[str, Any], handover: Handover
    ) -> Outcome:
        channel = content.get("channel")
        if "thread_ts" in content:
            if not content["thread_ts"]:
                error = "the message to reply to was posted by a webhook, which tells nothing to reply to"
                return _failed("recipient", "no_thread", error)
            body["thread_ts"] = content["thread_ts"]
            if content.get("broadcast"):
                body["reply_broadcast"] = True
        if not channel and content.get("to"):
            found = await self._conversation(token, str(content["to"]))
            if isinstance(found, Outcome):
                return found
            channel = found
        if not channel:
            return _failed("recipient", "no_channel", "the message names no channel")
        return await self._post_message(token, {"channel": channel, **body}, handover)

    async def _conversation(self, token: Secret, address: str) -> str | Outcome:
        """Return the id of the conversation with the person of this address."""
        known = self._people.get(address)
        if known is not None:
            return known
        user = await self._ask(token, "users.lookupByEmail", {"email": address}, "user")
        if isinstance(user, Outcome):
            return user
        conversation = await self._ask(token, "conversations.open", {"users": user}, "channel")
        if not isinstance(conversation, Outcome):
            self._people.put(address, conversation)
        return conversation

    async def _ask(
        self, token: Secret, method: str, arguments: Mapping[str, str], wanted: str
    ) -> str | Outcome:
        """Return the id of what a method that sends nothing answers with."""
        headers = {
            "Authorization": f"Bearer {token.reveal()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        url, data = f"{self._config.api_url}/{method}", urlencode(arguments).encode()
        reply = await self._connections.post(url, data, headers, [], provider=PROVIDER)
        if isinstance(reply, Outcome):
            return _harmless(reply)
        answer = web.json_object(reply) or {}
        found = answer.get(wanted)
        if answer.get("ok") is True and isinstance(found, dict) and isinstance(found.get("id"), str):
            identity: str = found["id"]
            return identity
        return _harmless(_status_outcome(reply) if answer.get("ok") is True else api_outcome(reply))

    async def _post_message(self, token: Secret, body: Mapping[str, Any], handover: Handover) -> Outcome:
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        reply = await self._post(f"{self._config.api_url}/chat.postMessage", body, headers, handover)
        return reply if isinstance(reply, Outcome) else api_outcome(reply)

    async def _post_webhook(self, webhook: Secret, body: Mapping[str, Any], handover: Handover) -> Outcome:
        reply = await self._post(webhook.reveal(), body, {}, handover)
        return reply if isinstance(reply, Outcome) else webhook_outcome(reply)

    async def _post(
        self, url: str, body: Mapping[str, Any], headers: Mapping[str, str], handover: Handover
    ) -> httpx.Response | Outcome:
        """Return the response, or the outcome if there was none."""
        try:
            data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8")
        except ValueError:
            return _failed("recipient", "invalid_text", "the message is not valid Unicode text or JSON")
        headers = {**headers, "Content-Type": "application/json; charset=utf-8"}
        return await self._connections.post(url, data, headers, [handover], provider=PROVIDER)


class _People:
    """The conversations with people, by address; each is looked up again after an hour."""

    _MOST = 10_000
    _SECONDS = 3600.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def get(self, address: str) -> str | None:
        """Return the conversation's id if it is known."""
        conversation, since = self._known.get(address.lower(), ("", -self._SECONDS))
        return conversation if conversation and self._clock() - since < self._SECONDS else None

    def put(self, address: str, conversation: str) -> None:
        """Remember it, and forget the oldest where there are too many."""
        self._known.pop(address.lower(), None)
        self._known[address.lower()] = conversation, self._clock()
        if len(self._known) > self._MOST:
            self._known.popitem(last=False)


def _harmless(outcome: Outcome) -> Outcome:
    """Return the outcome of a question: whatever became of it, no message was handed over."""
    return replace(outcome, fault="transient") if outcome.fault == "unknown" else outcome


def api_outcome(response: httpx.Response) -> Outcome:
    """Return what an answer of Slack's Web API means."""
    answer = web.json_object(response)
    if 200 <= response.status_code < 300 and answer is not None:
        if answer.get("ok") is True:
            ts = answer.get("ts")
            return Outcome.sent(provider=PROVIDER, provider_id=ts if isinstance(ts, str) else None)
        if answer.get("ok") is False:
            return _api_error(response, answer)
    if answer is not None and answer.get("ok") is False and isinstance(answer.get("error"), str):
        return _api_error(response, answer)
    return _status_outcome(response)


def _api_error(response: httpx.Response, answer: Mapping[str, Any]) -> Outcome:
    error = answer.get("error")
    code = error if isinstance(error, str) and error else "unknown_error"
    details = [code]
    metadata = answer.get("response_metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("messages"), list):
        details += [str(line) for line in metadata["messages"][:3]]
    details += [f"needed scope: {answer['needed']}"] if answer.get("needed") else []
    fault = (
        _class_of(code, _CONFIGURATION) or _STATUS_FAULTS.get(response.status_code) or _by_server(response)
    )
    return _failed(fault or "recipient", code, "; ".join(details), web.retry_after(response))


def webhook_outcome(response: httpx.Response) -> Outcome:
    """Return what an answer of an incoming webhook means: `ok`, or an error's name in plain text."""
    text = response.text.strip()[:200]
    if 200 <= response.status_code < 300 and text == "ok":
        return Outcome.sent(provider=PROVIDER)
    fault = _class_of(text, _WEBHOOK_CONFIGURATION)
    if fault is not None and response.status_code >= 400:
        return _failed(fault, text, f"HTTP {response.status_code}: {text}", web.retry_after(response))
    return _status_outcome(response)


def _class_of(code: str, configuration: frozenset[str]) -> Fault | None:
    if code in configuration:
        return "configuration"
    if code in _TRANSIENT:
        return "transient"
    if code in _UNKNOWN:
        return "unknown"
    return "recipient" if code in _RECIPIENT else None


def _status_outcome(response: httpx.Response) -> Outcome:
    """Return what an answer means of which only the status can be understood."""
    status = response.status_code
    if 200 <= status < 300:
        return _failed("unknown", "bad_reply", f"HTTP {status} with an answer that is not Slack's")
    fault = _STATUS_FAULTS.get(status) or _by_server(response)
    if fault is None:
        fault = "configuration" if status < 400 else "recipient"
    return _failed(fault, str(status), f"HTTP {status}", web.retry_after(response))


def _by_server(response: httpx.Response) -> Fault | None:
    """Return the fault of a 5xx: only 502 and 503 say that the request was not worked on."""
    if response.status_code in (502, 503):
        return "transient"
    return "unknown" if response.status_code >= 500 else None


def _failed(fault: Fault, code: str, error: str, retry_after: float | None = None) -> Outcome:
    return Outcome.failed(
        fault, code=code[:100], error=error[:500], retry_after=retry_after, provider=PROVIDER
    )
