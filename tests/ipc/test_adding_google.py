"""Bodies of Google's accounts without a person."""

import json

import pytest

from broker.ipc.adding_wire import parse_wanted
from broker.model.account import AccountName
from broker.model.errors import BadRequestError, CredentialFileError
from broker.model.google import GoogleCredentials
from broker.model.issuer import Issuer
from broker.services.adding import Wanted
from tests.services.google import (
    DRIVE,
    IAM,
    OAUTH,
    POOL,
    STS,
    TARGET,
    key_file,
    workload_file,
)

ROBOT = AccountName("robot")
ANN = "ann@example.com"
KEY: dict[str, object] = {"credentials": key_file(), "scopes": [DRIVE]}
BOUNDARY = json.dumps(
    {
        "accessBoundary": {
            "accessBoundaryRules": [
                {"availableResource": "b", "availablePermissions": ["p"]}
            ]
        }
    }
)
FROM: dict[str, object] = {
    "credentials": None,
    "from": "work",
    "impersonate": TARGET,
}
OF_WORK: dict[str, object] = {"credentials": None, "from": "work"}
WORKLOAD = workload_file({"file": "/run/token"})
BECOMES = workload_file(
    {"file": "/run/token"},
    service_account_impersonation_url=f"{IAM}{TARGET}:generateAccessToken",
    service_account_impersonation={"token_lifetime_seconds": 600},
)


def wanted(**changes: object) -> Wanted:
    body = {"kind": "google", **KEY, **changes}
    read = parse_wanted(ROBOT, json.dumps(body).encode())
    assert isinstance(read, Wanted)
    return read


def spec_of(**changes: object) -> GoogleCredentials:
    spec = wanted(**changes).unattended
    assert isinstance(spec, GoogleCredentials)
    return spec


def test_a_key_is_read() -> None:
    read = wanted(subject=ANN, replace=True)
    assert (read.name, read.scopes, read.replace) == (ROBOT, (DRIVE,), True)
    assert read.client.client_id == "117"
    assert isinstance(read.issuer, Issuer)
    assert read.issuer.url == "https://accounts.google.com"
    assert read.issuer.token_endpoint == OAUTH
    assert isinstance(read.unattended, GoogleCredentials)
    assert read.unattended.subject == ANN
    assert "PRIVATE" not in repr(read)


def test_an_emulator_is_an_issuer_of_its_own() -> None:
    issuer = wanted(credentials=key_file(token_uri="http://127.0.0.1:9/token")).issuer
    assert isinstance(issuer, Issuer)
    assert issuer.url == "http://127.0.0.1:9"


def test_an_account_is_read_that_becomes_another() -> None:
    spec = spec_of(**FROM, delegates=["d@p.example"], lifetime=900)
    assert (spec.parent, spec.impersonate) == ("work", TARGET)
    assert (spec.delegates, spec.lifetime) == (("d@p.example",), 900)
    assert wanted(**FROM).client.client_id == TARGET


def test_a_workload_is_read() -> None:
    read = wanted(credentials=WORKLOAD)
    assert read.client.client_id == POOL
    assert isinstance(read.issuer, Issuer)
    assert read.issuer.token_endpoint == STS


def test_a_workload_becomes_whom_its_file_says() -> None:
    spec = spec_of(credentials=BECOMES)
    assert (spec.impersonate, spec.lifetime) == (TARGET, 600)
    assert spec_of(credentials=BECOMES, lifetime=60).lifetime == 60


def test_a_boundary_is_read() -> None:
    spec = spec_of(boundary=BOUNDARY)
    assert spec.boundary is not None
    assert "accessBoundaryRules" in spec.boundary
    spec = spec_of(**OF_WORK, boundary=BOUNDARY, scopes=None)
    assert spec.parent == "work"


def test_a_self_signed_token_is_for_scopes_or_for_a_resource() -> None:
    assert spec_of(self_signed=True).self_signed
    read = wanted(self_signed=True, scopes=None, resource="https://api.example/")
    assert read.resource == "https://api.example/"


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"credentials": None}, "either credentials or from"),
        ({"from": "work"}, "either credentials or from"),
        ({"credentials": None, "from": "work"}, "something to make of it"),
        ({**FROM, "from": "/"}, "an account name has"),
        ({"subject": "ann"}, "e-mail addresses"),
        ({"impersonate": "x/../y"}, "e-mail addresses"),
        ({**FROM, "delegates": ["?"]}, "e-mail addresses"),
        ({"delegates": ["d@p.example"]}, "on the way to impersonate"),
        ({"lifetime": 60}, "only an impersonated token"),
        ({**FROM, "lifetime": -1}, "lifetime is a number"),
        ({**FROM, "lifetime": 43201}, "lifetime is a number"),
        ({"credentials": WORKLOAD, "subject": ANN}, "needs a service account"),
        (
            {"credentials": BECOMES, "impersonate": "other@p.example"},
            f"is to become {TARGET}",
        ),
        ({"self_signed": True, "subject": ANN}, "signs for itself"),
        ({"self_signed": True, "impersonate": TARGET}, "signs for itself"),
        ({"self_signed": True, "boundary": BOUNDARY}, "signs for itself"),
        ({"self_signed": True, "credentials": WORKLOAD}, "signs for itself"),
        ({"resource": "https://api.example/"}, "only self_signed has a resource"),
        (
            {"self_signed": True, "resource": "https://api.example/"},
            "for scopes or for a resource",
        ),
        ({"scopes": None}, "it needs scopes"),
        ({"scopes": None, "self_signed": True}, "it needs scopes"),
        ({"scopes": ["a b"]}, "scope"),
        ({"more": 1}, "unknown field"),
    ],
)
def test_what_does_not_go_together_is_said(
    changes: dict[str, object], what: str
) -> None:
    with pytest.raises(BadRequestError, match=what):
        wanted(**changes)


def test_a_file_that_cannot_be_used_is_said() -> None:
    with pytest.raises(CredentialFileError, match="no JSON"):
        wanted(credentials="{")
    with pytest.raises(CredentialFileError, match="boundary"):
        wanted(boundary="{}")
