"""The configuration of the providers: their keys in `[sender]`, and what is missing or contradicts itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable


class Keys(Protocol):
    """Reads keys of the configuration. Every method raises DreamlitError that names the key."""

    def text(self, key: str) -> str | None:
        """Return the text, None if it is not set."""
        ...

    def token(self, key: str) -> Secret | None:
        """Return a key or password that goes into an HTTP header."""
        ...

    def choice(self, key: str, choices: tuple[str, ...]) -> str | None:
        """Return one of the choices."""
        ...

    def url(self, key: str) -> str | None:
        """Return an http or https URL without its last slash."""
        ...

    def seconds(self, key: str, default: float) -> float:
        """Return a number of seconds."""
        ...

    def count(self, key: str) -> int | None:
        """Return a whole number from 1 up."""
        ...

    def outside(self, variable: str) -> str | None:
        """Return a variable of the environment that is not ours."""
        ...


@dataclass(frozen=True, slots=True)
class ResendSettings:
    """Resend: an API key that may send."""

    api_key: Secret

    def secrets(self) -> tuple[Secret | None, ...]:
        """Return what must never be shown."""
        return (self.api_key,)


@dataclass(frozen=True, slots=True)
class PostmarkSettings:
    """Postmark: a server token, and the message stream if it is not the server's default."""

    token: Secret
    stream: str | None = None

    def secrets(self) -> tuple[Secret | None, ...]:
        """Return what must never be shown."""
        return (self.token,)


@dataclass(frozen=True, slots=True)
class SesSettings:
    """Amazon SES: a region and credentials that may call ses:SendEmail."""

    region: str
    access_key_id: str
    secret_access_key: Secret
    session_token: Secret | None = None
    configuration_set: str | None = None

    def secrets(self) -> tuple[Secret | None, ...]:
        """Return what must never be shown."""
        return (self.secret_access_key, self.session_token)


@dataclass(frozen=True, slots=True)
class SendgridSettings:
    """SendGrid: an API key with the permission Mail Send; `region` is global or eu."""

    api_key: Secret
    region: str = "global"

    def secrets(self) -> tuple[Secret | None, ...]:
        """Return what must never be shown."""
        return (self.api_key,)


@dataclass(frozen=True, slots=True)
class MailgunSettings:
    """Mailgun: the sending domain, and its sending key or the account's; `region` is us or eu."""

    api_key: Secret
    domain: str
    region: str = "us"

    def secrets(self) -> tuple[Secret | None, ...]:
        """Return what must never be shown."""
        return (self.api_key,)


Settings = ResendSettings | PostmarkSettings | SesSettings | SendgridSettings | MailgunSettings


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """The provider that delivers e-mail. `url` None is the provider's own, `batch` None its largest."""

    settings: Settings
    url: str | None = None
    timeout: float = 15.0
    batch: int | None = None

    @property
    def name(self) -> str:
        """The provider's name, as DREAMLIT_PROVIDER has it."""
        return type(self.settings).__name__.removesuffix("Settings").lower()


def read_providers(
    keys: Keys, *, smtp: bool
) -> tuple[ProviderConfig | None, ProviderConfig | Literal["smtp"] | None]:
    """Return the provider to use, None if there is none or it is SMTP, and the one to fall back to.

    Raises DreamlitError.
    """
    chosen = keys.choice("provider", ("smtp", *_READERS))
    second = keys.choice("provider_fallback", ("smtp", *_READERS))
    urls = keys.url("provider_url"), keys.url("provider_fallback_url")
    batch, timeout = keys.count("provider_batch"), keys.seconds("provider_timeout", 15.0)
    # All of them are read, whichever is chosen: a wrong value in any is better found at the start.
    found = {name: read(keys, name in (chosen, second)) for name, read in _READERS.items()}
    complete = {name: settings for name, settings in found.items() if settings is not None}
    if chosen is None:
        names = [name for name in [*(["smtp"] if smtp else []), *complete] if name != second]
        if len(names) > 1:
            raise DreamlitError(
                f"{', '.join(names)} are configured, and nothing says which delivers e-mail",
                hint="Set DREAMLIT_PROVIDER to one of them.",
            )
        chosen = names[0] if names else "smtp"
    if second is not None and second == chosen != "smtp":
        raise DreamlitError(f"DREAMLIT_PROVIDER_FALLBACK is {second}, which is the first provider already")
    if second is not None and second != "smtp" and chosen == "smtp" and not smtp:
        raise DreamlitError(f"DREAMLIT_PROVIDER_FALLBACK is {second}, and nothing says which delivers first")
    first = None if chosen == "smtp" else ProviderConfig(complete[chosen], urls[0], timeout, batch)
    if second is None or second == "smtp":
        return first, "smtp" if second else None
    return first, ProviderConfig(complete[second], urls[1], timeout, batch)


def _resend(keys: Keys, chosen: bool) -> Settings | None:
    api_key = keys.token("resend_api_key")
    return ResendSettings(api_key) if _complete(chosen, resend_api_key=api_key) and api_key else None


def _postmark(keys: Keys, chosen: bool) -> Settings | None:
    token, stream = keys.token("postmark_token"), keys.text("postmark_stream")
    return PostmarkSettings(token, stream) if _complete(chosen, postmark_token=token) and token else None


def _ses(keys: Keys, chosen: bool) -> Settings | None:
    region, key_id = keys.text("ses_region"), keys.text("ses_access_key_id")
    secret, session = keys.token("ses_secret_access_key"), keys.token("ses_session_token")
    configuration_set = keys.text("ses_configuration_set")
    if chosen:
        # Where AWS's own tools look, too; but they alone do not make SES the provider.
        region = region or keys.outside("AWS_REGION") or keys.outside("AWS_DEFAULT_REGION")
        if key_id is None and secret is None:
            key_id = keys.outside("AWS_ACCESS_KEY_ID")
            secret = _secret(keys.outside("AWS_SECRET_ACCESS_KEY"))
            session = session or _secret(keys.outside("AWS_SESSION_TOKEN"))
    _complete(chosen, ses_region=region, ses_access_key_id=key_id, ses_secret_access_key=secret)
    if not (region and key_id and secret):
        return None
    if not region.replace("-", "").isalnum() or not key_id.isalnum():
        raise DreamlitError("DREAMLIT_SES_REGION or DREAMLIT_SES_ACCESS_KEY_ID has characters that none has")
    return SesSettings(region, key_id, secret, session, configuration_set)


def _sendgrid(keys: Keys, chosen: bool) -> Settings | None:
    api_key, region = keys.token("sendgrid_api_key"), keys.choice("sendgrid_region", ("global", "eu"))
    complete = _complete(chosen, sendgrid_api_key=api_key)
    return SendgridSettings(api_key, region or "global") if complete and api_key else None


def _mailgun(keys: Keys, chosen: bool) -> Settings | None:
    api_key, domain = keys.token("mailgun_api_key"), keys.text("mailgun_domain")
    region = keys.choice("mailgun_region", ("us", "eu"))
    _complete(chosen or bool(api_key or domain), mailgun_api_key=api_key, mailgun_domain=domain)
    if not (api_key and domain):
        return None
    if not domain.isascii() or not domain.replace(".", "").replace("-", "").replace("_", "").isalnum():
        raise DreamlitError(f"DREAMLIT_MAILGUN_DOMAIN must be a domain like mg.example.com, not {domain!r}")
    return MailgunSettings(api_key, domain, region or "us")


_READERS: dict[str, Callable[[Keys, bool], Settings | None]] = {
    "resend": _resend,
    "postmark": _postmark,
    "ses": _ses,
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
}


def _complete(needed: bool, **values: str | Secret | None) -> bool:
    missing = [f"DREAMLIT_{key.upper()}" for key, value in values.items() if not value]
    if needed and missing:
        provider = missing[0].split("_")[1].lower()
        raise DreamlitError(f"{' and '.join(missing)} must be set to deliver e-mail by {provider}")
    return not missing


def _secret(value: str | None) -> Secret | None:
    return Secret(value) if value else None
