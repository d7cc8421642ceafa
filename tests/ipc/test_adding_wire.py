"""Bodies of accounts without a person."""

import json

import pytest

from broker.ipc.adding_wire import parse_wanted
from broker.model.account import AccountName
from broker.model.client import ClientCertificate
from broker.model.errors import BadRequestError, CredentialFileError
from broker.model.secret import Secret
from broker.model.unattended import ClientCredentials, JwtBearer
from broker.oauth.unattended_client import bare_issuer
from broker.services.adding import Wanted
from tests.oauth.keys import p256, pem, signing_key

ROBOT = AccountName("robot")
BODY: dict[str, object] = {
    "kind": "client_credentials",
    "issuer": "https://issuer.example",
    "client_id": "c",
    "client_secret": "s3cret",
}

KEY = {"text": pem(p256()), "key_id": "k"}
BEARER: dict[str, object] = {
    "kind": "jwt_bearer",
    "private_key": KEY,
    "subject": "alice",
}


def wanted(**changes: object) -> Wanted:
    read = parse_wanted(ROBOT, json.dumps({**BODY, **changes}).encode())
    assert isinstance(read, Wanted)
    return read


def test_a_client_that_asks_in_its_own_name_is_read() -> None:
    read = wanted(scopes=["b", "a"], parameters={"audience": "x"}, replace=True)
    assert (read.name, read.issuer) == (ROBOT, BODY["issuer"])
    assert read.client.client_id == "c"
    assert read.client.client_secret == Secret("s3cret")
    assert read.unattended == ClientCredentials()
    assert read.scopes == ("b", "a")
    assert read.parameters == {"audience": "x"}
    assert read.replace
    assert "s3cret" not in repr(read)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"kind": "magic"}, "kind is one of client_credentials"),
        ({"kind": None}, "kind"),
        ({"client_id": ""}, "printable ASCII"),
        ({"client_secret": ""}, "printable ASCII"),
        ({"client_secret": "a\nb"}, "printable ASCII"),
        ({"scopes": ["a b"]}, "scope"),
        ({"resource": "no url"}, "resource"),
        ({"parameters": {"scope": "x"}}, "scope"),
        ({"scope": "a"}, "unknown field"),
        ({"client_secret": None}, "one of client_secret"),
        ({"private_key": KEY}, "one of client_secret"),
        ({"audience": "a b"}, "audience"),
        ({"issuer": None}, "name the issuer"),
        ({"client_secret": None, "certificate": {"certificate": "c.pem"}}, "absolute"),
        ({"kind": "jwt_bearer", "subject": "a"}, "private_key is missing"),
        ({**BEARER, "claims": {"iss": "x"}}, "claim iss"),
        ({**BEARER, "certificate": {"certificate": "/c.pem"}}, "one of client_secret"),
    ],
)
def test_what_is_not_whole_is_refused(changes: dict[str, object], what: str) -> None:
    with pytest.raises(BadRequestError, match=what):
        wanted(**changes)


def test_a_key_is_read_and_is_in_no_repr() -> None:
    read = wanted(client_secret=None, private_key=KEY, audience="token-endpoint")
    assert read.client.key == signing_key("k")
    assert read.audience == "token-endpoint"
    assert "PRIVATE" not in repr(read)
    assert '"d"' not in repr(read)


def test_a_key_that_is_none_is_told() -> None:
    with pytest.raises(CredentialFileError, match="no passphrase"):
        wanted(client_secret=None, private_key={"text": pem(p256(), "sesame")})
    sealed = {"text": pem(p256(), "sesame"), "passphrase": "sesame"}
    assert wanted(client_secret=None, private_key=sealed).client.key is not None


def test_a_certificate_is_read() -> None:
    files = {"certificate": "/c.pem", "key": "/k.pem"}
    read = wanted(client_secret=None, certificate=files)
    assert read.client.certificate == ClientCertificate(**files)


def test_a_jwt_bearer_is_read() -> None:
    read = wanted(**BEARER, claims={"tenant": "7"}).unattended
    assert isinstance(read, JwtBearer)
    assert (read.issuer, read.subject, read.claims) == ("c", "alice", {"tenant": "7"})
    other = wanted(**BEARER, client_secret=None, assertion_issuer="i").unattended
    assert isinstance(other, JwtBearer)
    assert other.issuer == "i"


def test_an_issuer_without_metadata_is_whole_already() -> None:
    read = wanted(token_endpoint="https://issuer.example/token", secret_in_body=True)
    assert read.issuer == bare_issuer(
        "https://issuer.example/token", str(BODY["issuer"])
    )
    assert read.secret_in_body
