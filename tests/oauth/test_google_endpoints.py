"""Where a credential may be sent, and where a workload may ask for its own token."""

import pytest

from broker.oauth.google_endpoints import (
    GENERATE_ACCESS,
    google_fault,
    iam_endpoint,
    is_metadata,
    shown_origin,
    source_fault,
)
from tests.services.google import IAM, TARGET


def test_a_credential_goes_to_google_or_to_loopback() -> None:
    assert google_fault("https://sts.googleapis.com/v1/token") is None
    assert google_fault("http://[::1]:9/token") is None
    assert google_fault("http://169.254.169.254/token") is not None
    assert google_fault("https://googleapis.com.evil.example/") is not None


def test_a_source_is_https_or_near() -> None:
    assert source_fault("https://anywhere.example/") is None
    assert source_fault("http://169.254.169.254/x") is None
    assert source_fault("http://anywhere.example/") is not None


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/",
        "http://169.254.169.253/",
        "http://169.254.169.254.evil.example/",
        "http://a@169.254.169.254/",
        "http://169.254.169.254:81/",
        "http://169.254.169.254:x/",
        "http://[",
    ],
)
def test_nothing_else_is_the_metadata_service(url: str) -> None:
    assert not is_metadata(url)


def test_an_endpoint_names_the_service_account() -> None:
    assert iam_endpoint(TARGET, GENERATE_ACCESS) == f"{IAM}{TARGET}:generateAccessToken"


def test_an_origin_is_shown_without_the_rest() -> None:
    assert shown_origin("https://a.example:8/b?secret=c") == "https://a.example:8"
