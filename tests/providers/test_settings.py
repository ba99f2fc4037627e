"""Which provider delivers, and what is said if its keys are missing, wrong or contradict each other."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.providers.helpers import KEYS, load

from dreamlit_pg.errors import DreamlitError
from dreamlit_sender.config import Config
from dreamlit_sender.loop import build_transports
from dreamlit_sender.providers import ProviderTransport
from dreamlit_sender.providers.settings import PostmarkSettings, ResendSettings
from dreamlit_sender.secret import Secret
from dreamlit_sender.smtp import SmtpTransport


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("name", list(KEYS))
def test_the_only_provider_that_is_configured_delivers(name: str) -> None:
    config = load(**KEYS[name])
    assert config.provider is not None
    assert config.provider.settings.secrets()[0]
    assert "email" in config.channels


async def test_the_transport_follows_the_provider() -> None:
    for keys, kind in [
        ({"resend_api_key": "re_x"}, ProviderTransport),
        ({"smtp_url": "smtp://localhost"}, SmtpTransport),
        ({"smtp_url": "smtp://localhost", "resend_api_key": "re_x", "provider": "smtp"}, SmtpTransport),
        ({"smtp_url": "smtp://localhost", "resend_api_key": "re_x", "provider": "resend"}, ProviderTransport),
    ]:
        transports = build_transports(load(**keys))
        assert type(transports["email"]) is kind
        await transports["email"].aclose()


def test_two_that_could_deliver_need_a_word_which() -> None:
    for keys in ({"smtp_url": "smtp://localhost", **KEYS["resend"]}, {**KEYS["postmark"], **KEYS["resend"]}):
        with pytest.raises(DreamlitError, match="nothing says which delivers") as caught:
            load(**keys)
        assert "DREAMLIT_PROVIDER" in str(caught.value.hint)


def test_keys_come_from_the_file_too_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "dreamlit.toml"
    file.write_text(
        'dsn = "postgresql://x"\n[sender]\nprovider = "postmark"\npostmark_token = "from-file"\n'
        'postmark_stream = "news"\nprovider_batch = 20\nprovider_timeout = 4\n'
    )
    config = Config.load(file, environ={"DREAMLIT_POSTMARK_TOKEN": "from-environment"})
    assert config.provider is not None
    assert config.provider.settings == PostmarkSettings(Secret("from-environment"), "news")
    assert (config.provider.batch, config.provider.timeout) == (20, 4.0)


@pytest.mark.parametrize(
    ("keys", "names"),
    [
        ({"provider": "resend"}, ["DREAMLIT_RESEND_API_KEY"]),
        ({"provider": "postmark"}, ["DREAMLIT_POSTMARK_TOKEN"]),
        ({"provider": "sendgrid"}, ["DREAMLIT_SENDGRID_API_KEY"]),
        ({"provider": "mailgun"}, ["DREAMLIT_MAILGUN_API_KEY", "DREAMLIT_MAILGUN_DOMAIN"]),
        ({"mailgun_domain": "mg.x.test"}, ["DREAMLIT_MAILGUN_API_KEY"]),
        ({"provider": "ses"}, ["DREAMLIT_SES_REGION", "DREAMLIT_SES_SECRET_ACCESS_KEY"]),
        ({"provider": "pigeon"}, ["DREAMLIT_PROVIDER", "resend", "pigeon"]),
        ({"resend_api_key": "hush-hush with spaces"}, ["DREAMLIT_RESEND_API_KEY"]),
        ({"resend_api_key": "hush-hüsh"}, ["DREAMLIT_RESEND_API_KEY"]),
        ({"sendgrid_region": "mars", "sendgrid_api_key": "hush-hush"}, ["DREAMLIT_SENDGRID_REGION", "mars"]),
        ({"mailgun_region": "mars"}, ["DREAMLIT_MAILGUN_REGION"]),
        (
            {"mailgun_domain": "mg.x.test/../y", "mailgun_api_key": "hush-hush"},
            ["DREAMLIT_MAILGUN_DOMAIN"],
        ),
        (
            {
                "ses_region": "eu-west-1.evil.test/",
                "ses_access_key_id": "A",
                "ses_secret_access_key": "hush-hush",
            },
            ["DREAMLIT_SES_REGION"],
        ),
        ({"provider_url": "ftp://x"}, ["DREAMLIT_PROVIDER_URL"]),
        ({"provider_batch": "0"}, ["DREAMLIT_PROVIDER_BATCH"]),
        ({"provider_timeout": "never"}, ["DREAMLIT_PROVIDER_TIMEOUT"]),
    ],
)
def test_wrong_values_name_their_variable_and_no_secret(keys: dict[str, str], names: list[str]) -> None:
    with pytest.raises(DreamlitError) as caught:
        load(**keys)
    shown = f"{caught.value!r} {caught.value} {caught.value.hint}"
    assert all(name in shown for name in names)
    assert "hush" not in shown


def test_without_any_of_them_the_channel_says_what_it_needs() -> None:
    with pytest.raises(DreamlitError, match="DREAMLIT_SMTP_URL or the key of a provider"):
        load(channels="email")


def test_a_misspelt_key_is_found() -> None:
    Path("dreamlit.toml").write_text('dsn = "postgresql://x"\n[sender]\nresend_apikey = "x"\n')
    with pytest.raises(DreamlitError, match="resend_apikey") as caught:
        Config.load(environ={})
    assert "resend_api_key" in str(caught.value.hint)


def test_a_chosen_provider_leaves_the_others_alone() -> None:
    config = load(provider="resend", **KEYS["resend"], **KEYS["postmark"])
    assert config.provider is not None
    assert config.provider.settings == ResendSettings(Secret("re_secret_key"))
