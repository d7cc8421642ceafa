"""Where a workload's own token may come from."""

import pytest

from broker.model.errors import CredentialFileError
from broker.oauth.google_sources import EXECUTABLE, checked_source

TEXT = {"type": "text"}
IMDS = "http://169.254.169.254/latest/meta-data"
VERIFY = (
    "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
)
AWS = {
    "environment_id": "aws1",
    "region_url": f"{IMDS}/placement/availability-zone",
    "url": f"{IMDS}/iam/security-credentials",
    "regional_cred_verification_url": VERIFY,
}


def test_a_file_is_taken() -> None:
    assert checked_source({"file": "/run/token", "more": 1}) == {
        "file": "/run/token",
        "format": TEXT,
    }


@pytest.mark.parametrize(
    "url",
    [
        "https://token.actions.githubusercontent.com/x?audience=y",
        "http://169.254.169.254/metadata/identity/oauth2/token?resource=z",
        "http://127.0.0.1:8080/token",
        "http://[fd00:ec2::254]/latest",
    ],
)
def test_an_url_is_taken_with_its_headers(url: str) -> None:
    form = {"type": "json", "subject_token_field_name": "access_token"}
    source = {"url": url, "headers": {"Metadata": "True"}, "format": form}
    assert checked_source(source) == source


def test_awss_own_is_taken() -> None:
    assert checked_source({**AWS, "more": 1}) == AWS


@pytest.mark.parametrize("name", ["region_url", "url"])
def test_what_nobody_looks_for_in_the_environment_has_to_be_named(name: str) -> None:
    lacking = {key: value for key, value in AWS.items() if key != name}
    with pytest.raises(CredentialFileError, match=f"the '{name}' of its source"):
        checked_source(lacking)


def test_of_a_program_only_what_it_leaves_behind_is_kept() -> None:
    made = {"command": "/bin/sh -c evil", "output_file": "/run/me/token.json"}
    found = checked_source({"executable": made})
    assert found == {"file": "/run/me/token.json", "format": {"type": EXECUTABLE}}


def test_no_file_is_taken_for_what_a_program_has_left() -> None:
    with pytest.raises(CredentialFileError, match="neither text nor json"):
        checked_source({"file": "/a", "format": {"type": EXECUTABLE}})


def test_a_program_that_leaves_nothing_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(CredentialFileError, match="brokerctl workload-token"):
        checked_source({"executable": {"command": "/bin/sh -c evil"}})


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (None, "'credential_source' is missing"),
        ({}, "neither one file nor one URL"),
        ({"file": "/a", "url": "https://b.example/"}, "neither one file nor one URL"),
        ({"certificate": {}}, "a certificate"),
        ({"file": "token"}, "no absolute path"),
        ({"file": 7}, "no absolute path"),
        ({"url": "http://10.0.0.1/"}, "plain http"),
        ({"url": "http://169.254.169.254@evil.example/"}, "user name"),
        ({"url": "http://169.254.169.254:99/"}, "plain http"),
        ({"url": 7}, "is not a text"),
        ({"url": "https://a.example/", "headers": {"a\nb": "c"}}, "'headers'"),
        ({"url": "https://a.example/", "headers": {"a": "b\r\nc"}}, "'headers'"),
        ({"url": "https://a.example/", "headers": ["a"]}, "'headers'"),
        ({"file": "/a", "format": {"type": "xml"}}, "'format'"),
        ({"file": "/a", "format": {"type": "json"}}, "'format'"),
        ({"file": "/a", "format": "json"}, "'format'"),
        ({**AWS, "environment_id": "aws2"}, "version"),
        ({**AWS, "url": "http://10.0.0.1/"}, "'url'"),
        ({**AWS, "region_url": "https://evil.example/"}, "'region_url'"),
        ({**AWS, "regional_cred_verification_url": "https://evil.example/"}, "AWS's"),
    ],
)
def test_every_other_source_is_told_apart(source: object, fault: str) -> None:
    with pytest.raises(CredentialFileError) as caught:
        checked_source(source)
    assert fault in caught.value.what
