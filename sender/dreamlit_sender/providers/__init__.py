"""Email providers with an HTTP API: a module each for what their requests and answers look like."""

from __future__ import annotations

from dreamlit_sender.attachments import Fetcher
from dreamlit_sender.providers.http import Api, ProviderTransport
from dreamlit_sender.providers.mailgun import MailgunApi
from dreamlit_sender.providers.postmark import PostmarkApi
from dreamlit_sender.providers.resend import ResendApi
from dreamlit_sender.providers.sendgrid import SendgridApi
from dreamlit_sender.providers.ses import SesApi
from dreamlit_sender.providers.settings import (
    MailgunSettings,
    PostmarkSettings,
    ProviderConfig,
    ResendSettings,
    SendgridSettings,
    SesSettings,
)

__all__ = ["ProviderConfig", "ProviderTransport", "build_provider"]


def build_provider(
    config: ProviderConfig,
    *,
    sender_from: str | None = None,
    connections: int = 16,
    fetcher: Fetcher | None = None,
) -> ProviderTransport:
    """Return the transport of the configured provider."""
    api: Api
    match config.settings:
        case ResendSettings() as settings:
            api = ResendApi(settings, url=config.url)
        case PostmarkSettings() as settings:
            api = PostmarkApi(settings, url=config.url)
        case SesSettings() as settings:
            api = SesApi(settings, url=config.url)
        case SendgridSettings() as settings:
            api = SendgridApi(settings, url=config.url)
        case MailgunSettings() as settings:
            api = MailgunApi(settings, url=config.url)
    return ProviderTransport(
        api,
        sender_from=sender_from,
        connections=connections,
        timeout=config.timeout,
        batch=config.batch,
        fetcher=fetcher,
    )
