"""Bound tokens (RFC 9449) at a real issuer that wants its nonce in every proof."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fakes.proofs import read_proof
from tests.system.browser import open_page, sign_in_at_oidc_provider
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider
from tests.system.person import BIN, Person, daemon
from tests.system.sign_in import begin
from tests.system.waiting import wait_until

USERINFO = """
import sys, urllib.error, urllib.request
from brokerd_client import BrokerClient

url, client = sys.argv[1], BrokerClient()
token, nonce = client.token("work"), None
for _ in range(2):
    proof = client.dpop_proof(token, "GET", url, nonce=nonce)
    headers = {"Authorization": token.header, "DPoP": proof}
    request = urllib.request.Request(url, headers=headers)
    try:
        print(urllib.request.urlopen(request).read().decode())
        break
    except urllib.error.HTTPError as error:
        nonce = error.headers["DPoP-Nonce"]
        print(error.code, error.headers["WWW-Authenticate"], file=sys.stderr)
"""
"""What a program does that has no library for it: one more try with the nonce."""

CURL = 'brokerctl dpop-proof work GET "$1" --nonce "$2" | curl -sS -i -H @- "$1"'
BARE = 'brokerctl token work --header | curl -sS -i -H @- "$1"'


@dataclass
class Bound:
    """A person who has signed in for bound tokens."""

    person: Person
    issuer: OidcProvider

    @property
    def userinfo(self) -> str:
        return f"{self.issuer.url}/me"

    def shell(self, line: str, *words: str) -> str:
        said = self.person.run("bash", "-c", line, "bash", self.userinfo, *words)
        self.person.heard.remove(said.output)
        return said.output


def signed_in(person: Person, issuer: OidcProvider, *words: str) -> Bound:
    login = begin(
        person,
        "work",
        f"--issuer={issuer.url}",
        "--client-id=bound-app",
        "--scope=openid offline_access files:read",
        *words,
    )
    with open_page() as page:
        sign_in_at_oidc_provider(page, login.url, "ada")
        page.wait_for_url(lambda url: "code=" not in url)
        page.wait_for_load_state()
    ended = login.end()
    assert ended.status == 0, ended
    return Bound(person, issuer)


def thumbprint(person: Person) -> str:
    """Of the key that the broker proves with (RFC 7638), as an API sees it."""
    said = person.brokerctl("dpop-proof", "work", "GET", "https://a.example/", "--json")
    person.heard.remove(said.output)
    header, _ = read_proof(json.loads(said.output)["proof"])
    canonical = json.dumps(header["jwk"], sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture
def bound(person: Person) -> Iterator[Bound]:
    with oidc_provider(access_ttl=6, DPOP_NONCE="1") as issuer, daemon(person):
        yield signed_in(person, issuer, "--dpop")


def test_rfc9449_code_tokens_and_refreshes_are_bound_to_one_key_of_the_broker(
    bound: Bound,
) -> None:
    person, issuer = bound.person, bound.issuer
    jkt = thumbprint(person)
    first = person.token("work")
    assert issuer.inspect(first)["cnf"] == {"jkt": jkt}
    wait_until(lambda: not issuer.is_active(first), "the token expires")
    second = person.token("work")
    said = issuer.inspect(second)
    assert (said["active"], said["token_type"]) == (True, "DPoP")
    assert said["cnf"] == {"jkt": jkt}
    assert [given["grant_type"] for given in issuer.grants] == [
        "authorization_code",
        "refresh_token",
    ]
    hunt(person, issuer.secrets())


def test_rfc9449_an_api_takes_a_bound_token_with_a_proof_and_its_nonce_only(
    bound: Bound,
) -> None:
    person = bound.person
    done = person.run(str(BIN / "python"), "-c", USERINFO, bound.userinfo)
    assert json.loads(done.output)["sub"] == "ada", done
    assert "use_dpop_nonce" in done.complaint

    # The daemon has remembered the nonce: the next proof has it at once.
    again = person.run(str(BIN / "python"), "-c", USERINFO, bound.userinfo)
    assert json.loads(again.output)["sub"] == "ada", again
    assert again.complaint == ""

    assert bound.shell(BARE).startswith("HTTP/1.1 40")
    hunt(person, bound.issuer.secrets())


def test_curl_reads_both_headers_from_brokerctl(bound: Bound) -> None:
    refused = bound.shell(CURL, "no-nonce-of-this-server")
    assert refused.startswith("HTTP/1.1 401"), refused
    nonce = re.search(r"^dpop-nonce: (\S+)", refused, re.IGNORECASE | re.MULTILINE)
    assert nonce, refused
    taken = bound.shell(CURL, nonce[1])
    assert taken.startswith("HTTP/1.1 200"), taken
    assert '"sub":"ada"' in taken


def test_a_bound_token_is_said_to_be_bound(bound: Bound) -> None:
    said = bound.person.brokerctl("token", "work")
    bound.person.heard.remove(said.output)
    assert "bound to a key (DPoP)" in said.complaint


def test_rfc9449_a_client_that_must_have_bound_tokens_gets_no_other(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        login = begin(
            person,
            "work",
            f"--issuer={issuer.url}",
            "--client-id=bound-app",
            "--scope=openid offline_access",
        )
        with open_page() as page:
            sign_in_at_oidc_provider(page, login.url, "ada")
            page.wait_for_url(lambda url: "code=" not in url)
            page.wait_for_load_state()
        ended = login.end()
        assert ended.status != 0
        assert issuer.grants == []
