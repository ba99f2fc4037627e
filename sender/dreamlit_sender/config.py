"""The sender's configuration: environment variables over a TOML file.

Every key `name` of the table `[sender]` in dreamlit.toml is the variable DREAMLIT_NAME in the environment,
which wins. `dsn` may also stand at the top of the file, where the command line looks for it too; a sender
of several databases has `databases` instead.
"""

from __future__ import annotations

import difflib
import math
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.databases import DatabaseConfig, read_dsn, read_fleet
from dreamlit_sender.dkim import DkimConfig, check_dkim
from dreamlit_sender.links import Signer
from dreamlit_sender.message import UnfitContentError, parse_address
from dreamlit_sender.providers.settings import ProviderConfig, read_providers
from dreamlit_sender.secret import Redactor, Secret
from dreamlit_sender.serve.signatures import WEBHOOKS, check_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Security = Literal["tls", "require", "if-available", "never"]
T = TypeVar("T")

CHANNELS = ("email", "slack", "render")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_DEFAULT_PORTS: Mapping[Security, int] = {"tls": 465, "require": 587, "if-available": 25, "never": 25}
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """Where and how to reach the SMTP server. `connections` None: as many as deliveries at once."""

    host: str
    port: int
    security: Security
    username: str | None = None
    password: Secret | None = None
    timeout: float = 20.0
    ca_file: str | None = None
    connections: int | None = None

    @classmethod
    def from_url(cls, url: str, *, name: str = "DREAMLIT_SMTP_URL") -> SmtpConfig:
        """Read smtp://user:password@host:port?starttls=require&timeout=20&ca=file.pem&connections=4.

        smtps:// speaks TLS from the first byte. Without `starttls`, smtp:// requires STARTTLS where it has a
        password to protect and the host is not this one, and else uses it if the server offers it.
        Raises DreamlitError, which never repeats the URL.
        """
        parts, port = _split(name, url, ("smtp", "smtps"))
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        _check_known(name, "option", options, ("starttls", "timeout", "ca", "connections"))
        security = _security(name, parts, options.get("starttls"))
        ca_file = options.get("ca") or None
        if ca_file and not Path(ca_file).is_file():
            raise DreamlitError(f"{name}: the file given as ca, {ca_file!r}, cannot be read")
        if parts.password is not None and not parts.username:
            raise DreamlitError(f"{name} has a password but no user")
        return cls(
            host=parts.hostname or "",
            port=port or _DEFAULT_PORTS[security],
            security=security,
            username=unquote(parts.username) if parts.username else None,
            password=Secret(unquote(parts.password or "")) if parts.username else None,
            timeout=_seconds(f"{name}: timeout", options.get("timeout", "20")),
            ca_file=ca_file,
            connections=_count(f"{name}: connections", options["connections"])
            if "connections" in options
            else None,
        )


@dataclass(frozen=True, slots=True)
class SlackConfig:
    """Slack: an incoming webhook, a bot token, or both: then the token serves what names a channel."""

    webhook_url: Secret | None = None
    token: Secret | None = None
    api_url: str = "https://slack.com/api"
    timeout: float = 15.0


@dataclass(frozen=True, slots=True)
class Config:
    """All that the sender needs to know. Times are in seconds; `lease` None leaves it to the database.

    `concurrency` deliveries at once and `rate` messages a second (None: as many as it can) are those of a
    channel, for all databases together. A claim takes `chunk` messages, or two batches if that is more.

    E-mail goes by `provider` if there is one, else by `smtp`, and by `fallback` while that is out.
    `serve` is where this process listens for HTTP, `fetch_private` lets attachments come
    from one's own networks.
    """

    databases: tuple[DatabaseConfig, ...]
    smtp: SmtpConfig | None = None
    provider: ProviderConfig | None = None
    fallback: ProviderConfig | SmtpConfig | None = None
    dkim: DkimConfig | None = None
    slack: SlackConfig | None = None
    sender_from: str | None = None
    channels: tuple[str, ...] = CHANNELS
    console: bool = False
    tick: bool = True
    watch: bool = False
    concurrency: int = 16
    rate: float | None = None
    chunk: int = 100
    lease: float | None = None
    delivery_timeout: float = 30.0
    poll: float = 1.0
    shutdown_timeout: float = 20.0
    json_logs: bool = False
    log_level: str = "INFO"
    link_secret: Secret | None = None
    serve: tuple[str, int] | None = None
    webhooks: Mapping[str, Secret] = field(default_factory=dict)
    metrics_token: Secret | None = None
    fetch_private: bool = False
    secrets: tuple[Secret, ...] = field(default=(), repr=False)

    @classmethod
    def load(cls, path: str | Path | None = None, *, environ: Mapping[str, str] | None = None) -> Config:
        """Read the file (default: dreamlit.toml if there is one) and the environment.

        Raises DreamlitError that names the variable or key with a wrong value.
        """
        environ = os.environ if environ is None else environ
        return _Reader(_read_file(path), environ).config()

    @property
    def dsn(self) -> Secret:
        """The only database's connection string. Raises DreamlitError if there are several."""
        if len(self.databases) > 1:
            raise DreamlitError(
                "DREAMLIT_DATABASES names several databases, and this works for one",
                hint="Set DREAMLIT_DATABASES to the one that is meant, with its name: shop=postgresql://…",
            )
        return self.databases[0].dsn

    def redactor(self) -> Redactor:
        """Return a function that takes this configuration's secrets out of a text."""
        values = [secret.reveal() for secret in self.secrets]
        return Redactor(values)


class _Reader:
    """Reads keys; also the `Keys` of the providers."""

    def __init__(self, table: Mapping[str, Any], environ: Mapping[str, str]) -> None:
        self._table = table
        self._environ = environ
        self._asked: set[str] = set()

    def _raw(self, key: str) -> tuple[str, Any]:
        """Return the name to show to the user and the value, None if there is none."""
        self._asked.add(key)
        name = f"DREAMLIT_{key.upper()}"
        if self._environ.get(name, "") != "":
            return name, self._environ[name]
        return (f"{key} in the file", self._table[key]) if key in self._table else (name, None)

    def _text(self, key: str) -> str | None:
        name, value = self._raw(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise DreamlitError(f"{name} must be a string")
        return value

    def _value(self, key: str, default: T, read: Callable[[str, Any], T]) -> T:
        name, value = self._raw(key)
        return default if value is None else read(name, value)

    def text(self, key: str) -> str | None:
        return self._text(key)

    def token(self, key: str) -> Secret | None:
        text = self._text(key)
        if text is not None and (not text.isascii() or not text.isprintable() or " " in text):
            raise DreamlitError(f"DREAMLIT_{key.upper()} has characters that no key has")
        return Secret(text) if text else None

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        text = self._text(key)
        if text is not None and text not in choices:
            raise DreamlitError(f"DREAMLIT_{key.upper()} must be one of {', '.join(choices)}, not {text!r}")
        return text

    def url(self, key: str) -> str | None:
        text = self._text(key)
        if text is not None:
            _split(f"DREAMLIT_{key.upper()}", text, ("https", "http"))
        return text.rstrip("/") if text else None

    def seconds(self, key: str, default: float) -> float:
        return self._value(key, default, _seconds)

    def count(self, key: str) -> int | None:
        return self._value(key, None, _optional_count)

    def outside(self, variable: str) -> str | None:
        return self._environ.get(variable) or None

    def config(self) -> Config:
        databases, smtp, slack = self._databases(), self._smtp(), self._slack()
        (provider, second), dkim = read_providers(self, smtp=smtp is not None), self._dkim()
        fallback = self._fallback(second, smtp, provider)
        console = self._value("console", False, _flag)
        email = smtp is not None or provider is not None
        links, metrics_token = self._link_secret(), self.token("metrics_token")
        webhooks = self._webhooks()
        possible = _possible_channels(email, slack is not None, console)
        config = Config(
            databases=databases,
            smtp=smtp,
            provider=provider,
            fallback=fallback,
            dkim=dkim,
            slack=slack,
            sender_from=self._from(),
            channels=self._value("channels", possible, _channels),
            console=console,
            tick=self._value("tick", True, _flag),
            watch=self._value("watch", False, _flag),
            concurrency=self._value("concurrency", 16, _count),
            rate=self._value("rate", None, _rate),
            chunk=self._value("chunk", 100, _count),
            lease=self._value("lease", None, _optional_seconds),
            delivery_timeout=self._value("delivery_timeout", 30.0, _seconds),
            poll=self._value("poll", 1.0, _seconds),
            shutdown_timeout=self._value("shutdown_timeout", 20.0, _seconds),
            json_logs=self._value("json_logs", False, _flag),
            log_level=self._value("log_level", "INFO", _level),
            link_secret=links,
            serve=self._value("serve", None, _listen_at),
            webhooks=webhooks,
            metrics_token=metrics_token,
            fetch_private=self._value("fetch_private", False, _flag),
            secrets=(
                *_all_secrets(databases, (smtp, fallback), provider, dkim, slack),
                *(secret for secret in (links, metrics_token, *webhooks.values()) if secret is not None),
            ),
        )
        # The file is shared with the command line, which may hold keys of its own only outside [sender].
        _check_known("the file's [sender]", "key", self._table, tuple(self._asked))
        _check_complete(config, possible)
        if config.serve is not None:
            _ = config.dsn  # the HTTP side is one database's: its links name its messages
        return config

    def _databases(self) -> tuple[DatabaseConfig, ...]:
        fleet_name, fleet = self._raw("databases")
        dsn_name, _ = self._raw("dsn")
        dsn = self._text("dsn")
        # The environment wins over the file; within the file `dsn` is the command line's.
        outside = [name for name in (dsn_name, fleet_name) if self._environ.get(name)]
        if len(outside) > 1:
            raise DreamlitError("DREAMLIT_DSN and DREAMLIT_DATABASES are both set", hint="Set one of them.")
        if fleet is not None and outside != ["DREAMLIT_DSN"]:
            return read_fleet(fleet_name, fleet)
        if dsn is None:
            raise DreamlitError(
                "DREAMLIT_DSN is not set",
                hint="Set it to postgresql://user@host/database, or put dsn into dreamlit.toml.",
            )
        return (DatabaseConfig(read_dsn("DREAMLIT_DSN", dsn)),)

    def _from(self) -> str | None:
        text = self._text("from")
        if text is not None:
            try:
                parse_address("DREAMLIT_FROM", text)
            except UnfitContentError as error:
                raise DreamlitError(str(error), hint='Write it as "Name <name@example.com>".') from None
        return text

    def _smtp(self) -> SmtpConfig | None:
        name, _ = self._raw("smtp_url")
        url = self._text("smtp_url")
        return SmtpConfig.from_url(url, name=name) if url else None

    def _fallback(
        self, second: ProviderConfig | str | None, smtp: SmtpConfig | None, provider: ProviderConfig | None
    ) -> ProviderConfig | SmtpConfig | None:
        """Return what delivers while the first is out: a provider, its SMTP server, or the second one."""
        name, _ = self._raw("smtp_fallback_url")
        url = self._text("smtp_fallback_url")
        other = SmtpConfig.from_url(url, name=name) if url else None
        if isinstance(second, ProviderConfig):
            if other is not None:
                raise DreamlitError(
                    "DREAMLIT_SMTP_FALLBACK_URL and DREAMLIT_PROVIDER_FALLBACK name two to fall back to"
                )
            return second
        if other is not None:
            if smtp is None and provider is None:
                raise DreamlitError("DREAMLIT_SMTP_FALLBACK_URL is set, but nothing that delivers first")
            return other
        if second == "smtp" and (smtp is None or provider is None):
            raise DreamlitError(
                "DREAMLIT_PROVIDER_FALLBACK is smtp, but there is no SMTP server to fall back to",
                hint="Set DREAMLIT_SMTP_FALLBACK_URL to the second server.",
            )
        return smtp if second == "smtp" else None

    def _dkim(self) -> DkimConfig | None:
        domain, selector = self._text("dkim_domain"), self._text("dkim_selector")
        key, file = self._text("dkim_key"), self._text("dkim_key_file")
        if not (domain or selector or key or file):
            return None
        if not (domain and selector and (key or file)):
            raise DreamlitError(
                "DREAMLIT_DKIM_DOMAIN, DREAMLIT_DKIM_SELECTOR and DREAMLIT_DKIM_KEY_FILE belong together"
            )
        if file and not key:
            try:
                key = Path(file).read_text(encoding="ascii")
            except (OSError, UnicodeError):
                raise DreamlitError(f"DREAMLIT_DKIM_KEY_FILE: {file!r} cannot be read as a key") from None
        return check_dkim(DkimConfig(domain.lower(), selector, Secret(key or "")))

    def _link_secret(self) -> Secret | None:
        text = self._text("link_secret")
        if text is None:
            return None
        Signer(Secret(text))  # refuses one that is too short
        return Secret(text)

    def _webhooks(self) -> dict[str, Secret]:
        found = {provider: self._text(f"webhook_{provider}") for provider in WEBHOOKS}
        return {
            provider: check_secret(provider, Secret(text))
            for provider, text in found.items()
            if text is not None
        }

    def _slack(self) -> SlackConfig | None:
        webhook, token = self._text("slack_webhook_url"), self.token("slack_token")
        api, timeout = self.url("slack_api_url"), self.seconds("slack_timeout", 15.0)
        if webhook is not None:
            _split("DREAMLIT_SLACK_WEBHOOK_URL", webhook, ("https", "http"))
        if not (webhook or token):
            return None
        return SlackConfig(
            webhook_url=Secret(webhook) if webhook else None,
            token=token,
            api_url=api or "https://slack.com/api",
            timeout=timeout,
        )


def _read_file(path: str | Path | None) -> dict[str, Any]:
    file = Path(path or "dreamlit.toml")
    if path is None and not file.is_file():
        return {}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DreamlitError(f"{file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DreamlitError(f"{file} is not valid TOML: {error}") from error
    table = document.get("sender", {})
    if not isinstance(table, dict):
        raise DreamlitError(f"{file}: sender must be a table")
    return ({"dsn": document["dsn"]} if "dsn" in document else {}) | table


def _split(name: str, url: str, schemes: tuple[str, ...]) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise DreamlitError(f"{name} is not a URL: its host or port cannot be read") from None
    if parts.scheme not in schemes:
        raise DreamlitError(f"{name} must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if not parts.hostname:
        raise DreamlitError(
            f"{name} has no host",
            hint="Percent-encode special characters of the password (@ is %40, / is %2F).",
        )
    return parts, port


def _security(name: str, parts: SplitResult, starttls: str | None) -> Security:
    if parts.scheme == "smtps":
        if starttls is not None:
            raise DreamlitError(
                f"{name}: starttls has no meaning with smtps://, which is TLS from the first byte"
            )
        return "tls"
    if starttls is None:
        return "require" if parts.username and parts.hostname not in _LOOPBACK else "if-available"
    choices: dict[str, Security] = {"require": "require", "if-available": "if-available", "never": "never"}
    if starttls in choices:
        return choices[starttls]
    raise DreamlitError(f"{name}: starttls must be require, if-available or never, not {starttls!r}")


def _possible_channels(email: bool, slack: bool, console: bool) -> tuple[str, ...]:
    available = {"email": email or console, "slack": slack or console, "render": True}
    return tuple(channel for channel in CHANNELS if available[channel])


def _check_complete(config: Config, possible: tuple[str, ...]) -> None:
    needs = {
        "email": "DREAMLIT_SMTP_URL or the key of a provider",
        "slack": "DREAMLIT_SLACK_TOKEN or DREAMLIT_SLACK_WEBHOOK_URL",
    }
    for channel in config.channels:
        if channel not in possible:
            raise DreamlitError(f"DREAMLIT_CHANNELS names {channel}, but {needs[channel]} is not set")


def _all_secrets(
    databases: tuple[DatabaseConfig, ...],
    servers: tuple[SmtpConfig | ProviderConfig | None, ...],
    provider: ProviderConfig | None,
    dkim: DkimConfig | None,
    slack: SlackConfig | None,
) -> tuple[Secret, ...]:
    found = [dkim.key if dkim else None]
    found += [secret for one in databases for secret in one.secrets()]
    for one in (*servers, provider):
        found += one.settings.secrets() if isinstance(one, ProviderConfig) else [one.password] if one else []
    found += [slack.webhook_url, slack.token] if slack else []
    if slack and slack.webhook_url:
        found.append(Secret(urlsplit(slack.webhook_url.reveal()).path.lstrip("/")))
    return tuple(secret for secret in found if secret)


def _check_known(place: str, what: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Known are {', '.join(sorted(known))}."
            raise DreamlitError(f"{place} has an unknown {what} {key!r}", hint=hint)


def _flag(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE + _FALSE:
        return value.lower() in _TRUE
    raise DreamlitError(f"{name} must be true or false, not {value!r}")


def _count(name: str, value: Any) -> int:
    try:
        count = int(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else 0
    except ValueError:
        count = 0
    if not 1 <= count <= 10_000:
        raise DreamlitError(f"{name} must be a whole number from 1 to 10000, not {value!r}")
    return count


def _optional_count(name: str, value: Any) -> int | None:
    return _count(name, value)


def _seconds(name: str, value: Any) -> float:
    try:
        seconds = (
            float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else -1.0
        )
    except ValueError:
        seconds = -1.0
    if not (math.isfinite(seconds) and 0 < seconds <= 86_400):
        raise DreamlitError(
            f"{name} must be a number of seconds, more than 0 and at most a day, not {value!r}"
        )
    return seconds


def _listen_at(name: str, value: Any) -> tuple[str, int]:
    host, _, port = value.strip().rpartition(":") if isinstance(value, str) else ("", "", "")
    if not (port.isascii() and port.isdigit() and 0 <= int(port) <= 65_535):
        raise DreamlitError(f"{name} must be HOST:PORT, like 127.0.0.1:8025, not {value!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def _optional_seconds(name: str, value: Any) -> float | None:
    return _seconds(name, value)


def _rate(name: str, value: Any) -> float | None:
    try:
        rate = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else 0.0
    except ValueError:
        rate = 0.0
    if not (math.isfinite(rate) and 0.001 <= rate <= 1_000_000):
        raise DreamlitError(f"{name} must be a number of messages a second, not {value!r}")
    return rate


def _level(name: str, value: Any) -> str:
    if isinstance(value, str) and value.upper() in LOG_LEVELS:
        return value.upper()
    raise DreamlitError(f"{name} must be one of {', '.join(LOG_LEVELS)}, not {value!r}")


def _channels(name: str, value: Any) -> tuple[str, ...]:
    words = value.replace(",", " ").split() if isinstance(value, str) else value
    if not isinstance(words, list) or not words:
        raise DreamlitError(f"{name} must be a list of channels: {', '.join(CHANNELS)}")
    for word in words:
        if word not in CHANNELS:
            raise DreamlitError(
                f"{name} names {word!r}, which is no channel", hint=f"Channels: {', '.join(CHANNELS)}."
            )
    return tuple(dict.fromkeys(words))
