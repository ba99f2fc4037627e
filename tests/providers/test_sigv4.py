"""The signer against the requests and signatures that AWS publishes (its Signature Version 4 test suite)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dreamlit_sender.providers.sigv4 import Signer
from dreamlit_sender.secret import Secret

SIGNER = Signer("us-east-1", "service", "AKIDEXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
FORM = "application/x-www-form-urlencoded"
LETTERS = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "names", "signature"),
    [
        pytest.param(
            "GET", "/", {}, b"", "host;x-amz-date",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", id="get-vanilla",
        ),
        pytest.param(
            "GET", f"/{LETTERS}", {}, b"", "host;x-amz-date",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f", id="get-unreserved",
        ),
        pytest.param(
            "GET", "/ሴ", {}, b"", "host;x-amz-date",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85", id="get-utf8",
        ),
        pytest.param(
            "GET", "/?Param2=value2&Param1=value1", {}, b"", "host;x-amz-date",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            id="get-vanilla-query-order-key-case",
        ),
        pytest.param(
            "GET", f"/?{LETTERS}={LETTERS}", {}, b"", "host;x-amz-date",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197", id="get-vanilla-query-unreserved",
        ),
        pytest.param(
            "GET", "/?%E1%88%B4=bar", {}, b"", "host;x-amz-date",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04", id="get-vanilla-utf8-query",
        ),
        pytest.param(
            "GET", "/", {"My-Header1": " value1", "My-Header2": ' "a   b   c"'}, b"",
            "host;my-header1;my-header2;x-amz-date",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736", id="get-header-value-trim",
        ),
        pytest.param(
            "POST", "/", {}, b"", "host;x-amz-date",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b", id="post-vanilla",
        ),
        pytest.param(
            "POST", "/?Param1=value1", {}, b"", "host;x-amz-date",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11", id="post-vanilla-query",
        ),
        pytest.param(
            "POST", "/", {"My-Header1": "VALUE1"}, b"", "host;my-header1;x-amz-date",
            "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d", id="post-header-value-case",
        ),
        pytest.param(
            "POST", "/", {"Content-Type": FORM}, b"Param1=value1", "content-type;host;x-amz-date",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a", id="post-x-www-form-urlencoded",
        ),
        pytest.param(
            "POST", "/", {"Content-Type": f"{FORM}; charset=utf8"}, b"Param1=value1", "content-type;host;x-amz-date",
            "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
            id="post-x-www-form-urlencoded-parameters",
        ),
    ],
)  # fmt: skip
def test_signatures_are_those_that_aws_publishes(
    method: str, path: str, headers: dict[str, str], body: bytes, names: str, signature: str
) -> None:
    url = f"https://example.amazonaws.com{path}"
    signed = SIGNER.sign(method, url, headers, body, now=MOMENT)
    assert signed["X-Amz-Date"] == "20150830T123600Z"
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_the_secret_shows_itself_nowhere() -> None:
    assert "wJalr" not in f"{SIGNER!r} {SIGNER.sign('POST', 'https://x.test/', {}, b'', now=MOMENT)}"
