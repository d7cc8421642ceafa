"""ID tokens at a real issuer: renewed, under keys that change, and whose they are."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.system.browser import open_page, sign_in_at_oidc_provider
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider, read_json, sandbox
from tests.system.person import BIN, Person, daemon
from tests.system.sign_in import begin, sign_in
from tests.system.waiting import wait_until

ID_TOKEN_LIFE = "20"
NEEDED = "--min-ttl=15"
"""So that a new one is needed five seconds after each."""

VERIFY = """
import json, sys, urllib.request
from joserfc import jwt
from joserfc.jwk import KeySet

token, keys = sys.argv[1], json.load(urllib.request.urlopen(sys.argv[2]))
print(json.dumps(jwt.decode(token, KeySet.import_key_set(keys)).claims))
"""
"""What whoever the token is for does."""


@dataclass
class SignedIn:
    person: Person
    issuer: OidcProvider

    def id_token(self, *words: str) -> str:
        said = self.person.brokerctl("id-token", "work", *words)
        assert said.status == 0, said
        self.person.heard.remove(said.output)
        return said.output.strip()

    def verified(self, token: str) -> dict[str, object]:
        words = (str(BIN / "python"), "-c", VERIFY, token, f"{self.issuer.url}/jwks")
        said = self.person.run(*words)
        assert said.status == 0, said
        claims: dict[str, object] = json.loads(said.output)
        return claims


def key_of(token: str) -> str:
    head = token.partition(".")[0]
    header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    return str(header["kid"])


@pytest.fixture
def signed_in(person: Person) -> Iterator[SignedIn]:
    with (
        oidc_provider(access_ttl=3600, ID_TOKEN_TTL=ID_TOKEN_LIFE) as issuer,
        daemon(person),
    ):
        login = begin(
            person,
            "work",
            f"--issuer={issuer.url}",
            "--client-id=native-app",
            "--scope=openid email offline_access",
        )
        with open_page() as page:
            sign_in_at_oidc_provider(page, login.url, "ada")
            page.wait_for_url(lambda url: "code=" not in url)
            page.wait_for_load_state()
        ended = login.end()
        assert ended.status == 0, ended
        yield SignedIn(person, issuer)
        hunt(person, issuer.secrets())


def test_an_id_token_is_what_the_issuer_signed_for_this_person(
    signed_in: SignedIn,
) -> None:
    said = json.loads(signed_in.id_token("--json"))
    claims = signed_in.verified(said["id_token"])
    assert claims["sub"] == said["subject"] == "ada"
    assert claims["iss"] == said["issuer"] == signed_in.issuer.url
    assert claims["aud"] == said["audience"] == "native-app"
    assert claims["exp"] == said["expires_at"]
    assert len(signed_in.issuer.grants) == 1


def test_keys_that_change_while_the_daemon_runs_are_found(signed_in: SignedIn) -> None:
    first = signed_in.id_token()
    assert signed_in.verified(first)["sub"] == "ada"
    kid = signed_in.issuer.exchange_keys()
    wait_until(lambda: key_of(signed_in.id_token(NEEDED)) == kid, "a newer one")
    assert signed_in.verified(signed_in.id_token())["sub"] == "ada"
    assert len(signed_in.issuer.grants) == 2


def test_one_that_lives_is_given_while_the_issuer_is_out_of_reach(
    signed_in: SignedIn,
) -> None:
    token = signed_in.id_token()
    with signed_in.issuer.out_of_reach():
        assert signed_in.id_token() == token


def test_the_person_is_shown_as_userinfo_says(signed_in: SignedIn) -> None:
    listed = signed_in.person.json("accounts")["accounts"]
    assert isinstance(listed, list)
    (work,) = listed
    assert (work["subject"], work["email"]) == ("ada", "ada@example.test")
    assert "\tada@example.test\t" in signed_in.person.brokerctl("accounts").output


def test_another_audience_is_refused_with_what_to_do(signed_in: SignedIn) -> None:
    said = signed_in.person.run(
        "brokerctl", "id-token", "work", "--audience=https://other.example"
    )
    assert said.status == 44
    assert "not for https://other.example" in said.complaint


def test_the_sandbox_gives_them_too(person: Person) -> None:
    with sandbox(person, "--auto-approve") as issuer, daemon(person):
        sign_in(person, "try", issuer, "--scope=openid profile email")
        said = person.json("id-token", "try")
        # It was asked for.
        person.heard = [text for text in person.heard if "id_token" not in text]
        assert said["subject"] == "sandbox-person-1"
        assert said["issuer"] == issuer.url
        assert read_json(f"{issuer.url}/jwks")["keys"]
        shown = person.brokerctl("accounts").output
        assert "\tRobin Sample <robin@sandbox.invalid>\t" in shown
