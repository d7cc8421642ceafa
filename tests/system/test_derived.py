"""Views of an account, and tokens that are had for its token, at a real issuer."""

import json
from collections.abc import Iterator

import pytest

from tests.system.browser import open_page, sign_in_at_oidc_provider
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider
from tests.system.person import Person, daemon
from tests.system.sign_in import begin

SCOPES = "openid offline_access files:read files:write"
LOGIN_REQUIRED, SCOPE_NOT_GRANTED, CREDENTIAL_REFUSED = 5, 18, 19
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture
def issuer(person: Person) -> Iterator[OidcProvider]:
    """With a daemon whose account 'work' is signed in there."""
    with oidc_provider(access_ttl=600) as running, daemon(person):
        sign_in(person, running)
        yield running


def sign_in(person: Person, issuer: OidcProvider) -> None:
    words = (f"--issuer={issuer.url}", "--client-id=native-app", f"--scope={SCOPES}")
    login = begin(person, "work", *words)
    with open_page() as page:
        sign_in_at_oidc_provider(page, login.url, "ada")
        page.wait_for_url(lambda url: "code=" not in url)
    ended = login.end()
    assert ended.status == 0, ended


def scopes(issuer: OidcProvider, token: str) -> set[str]:
    """What the issuer itself says that a token can do."""
    return set(str(issuer.inspect(token)["scope"]).split())


def add(person: Person, name: str, *words: str) -> dict[str, object]:
    said = person.brokerctl("add", name, *words, "--json")
    assert said.status == 0, said
    answer: dict[str, object] = json.loads(said.output)
    return answer


def exchanged(issuer: OidcProvider) -> int:
    return sum(given["grant_type"] == EXCHANGE for given in issuer.grants)


def add_gateway(person: Person, issuer: OidcProvider, *words: str) -> None:
    secret = person.home / "gateway-secret"
    secret.write_text("gateway-secret\n")
    add(
        person,
        "gateway",
        *("--from=work", "--exchange", f"--issuer={issuer.url}"),
        *("--client-id=gateway", f"--client-secret-file={secret}"),
        *("--audience=orders", "--scope=files:read", *words),
    )
    secret.unlink()


def test_a_view_gives_its_part_and_no_more(
    person: Person, issuer: OidcProvider
) -> None:
    added = add(person, "ci", "--from=work", "--scope=files:read")
    assert added["unattended"] == "view"
    token = person.token("ci")
    assert scopes(issuer, token) == {"files:read"}
    assert person.token("work", "--scope=files:read") == token
    assert scopes(issuer, person.token("work")) == set(SCOPES.split())

    wider = person.brokerctl("token", "ci", "--scope", "files:read files:write")
    assert wider.status == SCOPE_NOT_GRANTED
    assert (
        "`brokerctl add ci --from work --scope 'files:read files:write' --replace`"
        in wider.complaint
    )
    listed = person.brokerctl("accounts")
    assert "view of work" in listed.output
    narrower = person.brokerctl("add", "all", "--from=ci", "--scope=files:write")
    assert narrower.status == SCOPE_NOT_GRANTED
    hunt(person, issuer.secrets())


def test_the_command_that_is_named_widens_the_view(
    person: Person, issuer: OidcProvider
) -> None:
    add(person, "ci", "--from=work", "--scope=files:read")
    words = ("--from=work", "--scope=files:read files:write")
    add(person, "ci", *words, "--replace")
    assert scopes(issuer, person.token("ci")) == {"files:read", "files:write"}


def test_the_log_out_of_the_parent_ends_a_view_and_its_next_login_mends_it(
    person: Person, issuer: OidcProvider
) -> None:
    add(person, "ci", "--from=work", "--scope=files:read")
    assert person.brokerctl("logout", "work").status == 0
    out = person.brokerctl("token", "ci")
    assert out.status == LOGIN_REQUIRED
    assert "brokerctl login work" in out.complaint
    sign_in(person, issuer)
    assert scopes(issuer, person.token("ci")) == {"files:read"}


def test_rfc8693_one_token_is_had_for_another(
    person: Person, issuer: OidcProvider
) -> None:
    add_gateway(person, issuer)
    token = person.token("gateway")
    assert token != person.token("work")
    said = issuer.inspect(token)
    assert (said["active"], said["client_id"]) == (True, "gateway")
    assert (said["scope"], said["aud"]) == ("files:read", ["orders"])
    assert person.token("gateway") == token
    assert exchanged(issuer) == 1
    assert "token exchange of work" in person.brokerctl("accounts").output
    hunt(person, [*issuer.secrets(), "gateway-secret"])


def test_rfc8693_an_id_token_is_shown_as_one(
    person: Person, issuer: OidcProvider
) -> None:
    add_gateway(person, issuer, "--subject-token-type=id_token")
    assert issuer.inspect(person.token("gateway"))["active"]
    # Another daemon has none at hand, and is given one.
    assert person.brokerctl("stop").status == 0
    assert issuer.inspect(person.token("gateway"))["active"]
    assert exchanged(issuer) == 2
    hunt(person, issuer.secrets())


def test_rfc8693_2_2_2_what_the_issuer_refuses_is_told_and_not_kept(
    person: Person, issuer: OidcProvider
) -> None:
    secret = person.home / "gateway-secret"
    secret.write_text("gateway-secret")
    words = ("--from=work", "--exchange", "--client-id=gateway", "--audience=nobody")
    refused = person.brokerctl(
        *("add", "gateway", *words, f"--issuer={issuer.url}"),
        f"--client-secret-file={secret}",
    )
    assert refused.status == CREDENTIAL_REFUSED, refused
    assert "invalid_target" in refused.complaint
    names = [one["account"] for one in person.json("accounts")["accounts"]]  # type: ignore[attr-defined]
    assert names == ["work"]


def test_the_parents_log_out_ends_what_was_had_for_its_token(
    person: Person, issuer: OidcProvider
) -> None:
    add_gateway(person, issuer)
    person.token("gateway")
    assert person.brokerctl("logout", "work").status == 0
    out = person.brokerctl("token", "gateway")
    assert out.status == LOGIN_REQUIRED
    assert "brokerctl login work" in out.complaint
    assert exchanged(issuer) == 1
