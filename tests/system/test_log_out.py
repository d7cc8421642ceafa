"""Signing out while the issuer is away, and what the issuer says once it is back."""

import re

from tests.system.browser import open_page, sign_in_at_oidc_provider
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider
from tests.system.person import Person, daemon
from tests.system.sign_in import begin
from tests.system.waiting import wait_until

WORDS = ("--client-id=native-app", "--scope=openid offline_access files:read")
NOT_REVOKED = 30


def sign_in(person: Person, issuer: OidcProvider, account: str) -> None:
    login = begin(person, account, f"--issuer={issuer.url}", *WORDS)
    with open_page() as page:
        sign_in_at_oidc_provider(page, login.url, "ada")
        page.wait_for_url(lambda url: "code=" not in url)
    ended = login.end()
    assert ended.status == 0, ended


def leaving(person: Person) -> list[object]:
    left = person.json("pending")["leaving"]
    assert isinstance(left, list)
    return left


def test_rfc7009_what_the_issuer_missed_is_revoked_once_it_is_back(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=600) as issuer:
        with daemon(person) as running:
            sign_in(person, issuer, "work")
            access = person.token("work")
            (given,) = issuer.grants
            with issuer.out_of_reach():
                strict = person.brokerctl("logout", "work", "--require-revoked")
                assert strict.status == NOT_REVOKED, strict
                assert person.token("work") == access

                out = person.brokerctl("logout", "work")
                assert out.status == 0, out
                assert out.output == "signed out: work\n"
                assert "`brokerctl pending`" in out.complaint
                assert person.brokerctl("token", "work").status != 0
                assert person.json("accounts")["accounts"] == []
                running.kill()
                running.wait()
        assert issuer.is_active(given["refresh_token"])

        # Started again by the command, the daemon knows what is left; the next sign-in
        # there has it tried at once.
        assert [one["account"] for one in leaving(person)] == ["work"]  # type: ignore[index]
        sign_in(person, issuer, "home")
        wait_until(lambda: not leaving(person), "it is revoked")
        assert not issuer.is_active(given["refresh_token"])
        assert issuer.is_active(person.token("home"))
        hunt(person, issuer.secrets())


def test_the_page_that_ends_the_session_at_the_issuer_is_one_that_it_has(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        sign_in(person, issuer, "work")
        out = person.brokerctl("logout", "work")
        assert out.output == "signed out: work, revoked at the issuer\n"
        named = re.search(r"in the browser, too: (\S+)", out.complaint)
        assert named
        with open_page() as page:
            shown = page.goto(named[1])
            assert shown
            assert shown.ok
            assert "log out" in page.content().lower() or "sign-out" in page.content()
