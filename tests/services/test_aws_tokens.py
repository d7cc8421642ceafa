"""What the metadata service of a machine on AWS says, and what is made of it."""

import json
from collections.abc import Mapping
from typing import cast
from urllib.parse import unquote

import pytest

from broker.model.http import HttpResponse
from broker.services.aws_tokens import AwsTokens
from broker.services.google_transport import LoopRequest, LoopResponse
from broker.services.workload_tokens import WorkloadFileError
from tests.services.google import POOL

IMDS = "http://169.254.169.254/latest"
SOURCE = {
    "region_url": f"{IMDS}/zone",
    "url": f"{IMDS}/roles",
    "regional_cred_verification_url": "https://sts.{region}.amazonaws.com?Action=X",
}
KEYS = {"AccessKeyId": "AKIA", "SecretAccessKey": "hush", "Token": "t"}
SAID = {
    f"{IMDS}/zone": "eu-central-1b\n",
    f"{IMDS}/roles": "my-role",
    f"{IMDS}/roles/my-role": json.dumps(KEYS),
}


def machine(said: Mapping[str, str]) -> LoopRequest:
    """A metadata service that takes requests without a session."""

    def request(
        url: str, method: str = "GET", *, headers: Mapping[str, str]
    ) -> LoopResponse:
        assert (method, headers) == ("GET", {})
        return LoopResponse(HttpResponse(status=200, body=said[url].encode()))

    return cast("LoopRequest", request)


@pytest.mark.parametrize(
    ("zone", "region"),
    [
        ("eu-central-1b\n", "eu-central-1"),
        ("us-gov-west-1a", "us-gov-west-1"),
        ("us-west-2-lax-1a", "us-west-2"),
    ],
)
def test_without_a_session_it_is_asked_as_of_old(zone: str, region: str) -> None:
    said = {**SAID, f"{IMDS}/zone": zone}
    token = AwsTokens(SOURCE, POOL).get_subject_token(None, machine(said))
    asked = json.loads(unquote(token))
    assert asked["url"] == f"https://sts.{region}.amazonaws.com?Action=X"
    (signed,) = (h["value"] for h in asked["headers"] if h["key"] == "Authorization")
    assert f"/{region}/sts/aws4_request" in signed


@pytest.mark.parametrize(
    ("place", "text", "what"),
    [
        ("zone", "<html>", "it names no zone"),
        ("zone", "", "it names no zone"),
        ("zone", "eu.evil.example/#a", "it names no zone"),
        ("roles", "../../user-data", "it names no role"),
        ("roles", "", "it names no role"),
        ("roles/my-role", "{", "it gives no keys"),
        ("roles/my-role", "[]", "it gives no keys"),
        ("roles/my-role", json.dumps({**KEYS, "Token": None}), "it gives no keys"),
    ],
)
def test_what_is_odd_is_told_of_the_place_and_not_repeated(
    place: str, text: str, what: str
) -> None:
    said = {**SAID, f"{IMDS}/{place}": text}
    with pytest.raises(WorkloadFileError) as caught:
        AwsTokens(SOURCE, POOL).get_subject_token(None, machine(said))
    assert caught.value.what.startswith(what)
    assert caught.value.where == "http://169.254.169.254"
