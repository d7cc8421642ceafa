"""Sign in once in a real browser at a real issuer; be handed fresh tokens for ever."""

from tests.system.browser import open_page, photograph, sign_in_at_oidc_provider
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider
from tests.system.person import Person, daemon
from tests.system.sign_in import SignIn, begin
from tests.system.waiting import wait_until

SCOPES = "openid offline_access files:read"


def begin_at(issuer: OidcProvider, person: Person) -> SignIn:
    return begin(
        person,
        "work",
        f"--issuer={issuer.url}",
        "--client-id=native-app",
        f"--scope={SCOPES}",
    )


def test_one_sign_in_gives_tokens_over_expiry_crash_and_restart_until_log_out(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=5) as issuer:
        with daemon(person) as running:
            login = begin_at(issuer, person)
            with open_page() as page:
                sign_in_at_oidc_provider(page, login.url, "ada")
                page.wait_for_load_state()
                page.wait_for_url(lambda url: "code=" not in url)
                photograph(page, "signed-in")
                assert page.title()
            ended = login.end()
            assert ended.status == 0, ended

            first = person.token("work")
            assert issuer.is_active(first)
            wait_until(lambda: not issuer.is_active(first), "the token expires")

            second = person.token("work")
            assert second != first
            assert issuer.is_active(second)
            assert len(issuer.grants) == 2
            original, rotated = (given["refresh_token"] for given in issuer.grants)
            assert rotated != original

            running.kill()
            running.wait()

        # Nobody restarts it but the command that needs it.
        third = person.token("work")
        assert issuer.is_active(third)
        assert issuer.grants[-1]["refresh_token"] != rotated

        alive = issuer.grants[-1]["refresh_token"]
        logout = person.brokerctl("logout", "work")
        assert logout.status == 0, logout
        assert not issuer.is_active(alive)
        assert not issuer.is_active(third)
        assert person.json("accounts")["accounts"] == []
        hunt(person, issuer.secrets())


def test_the_success_page_is_readable_in_the_dark(person: Person) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        login = begin_at(issuer, person)
        with open_page(dark=True) as page:
            sign_in_at_oidc_provider(page, login.url, "ada")
            page.wait_for_url(lambda url: "code=" not in url)
            page.wait_for_load_state()
            photograph(page, "signed-in-dark")
            background = page.evaluate(
                "getComputedStyle(document.documentElement).colorScheme"
            )
            assert "dark" in background
            login.end()


def test_giving_up_on_the_issuers_page_ends_the_login_as_refused(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        login = begin_at(issuer, person)
        with open_page() as page:
            page.goto(login.url)
            page.click("text=[ Cancel ]")
            page.wait_for_url(lambda url: issuer.url not in url)
            page.wait_for_load_state()
            photograph(page, "refused")
            ended = login.end()
        assert ended.status == 6, ended
        assert "brokerctl: hint:" in ended.output
        assert person.json("accounts")["accounts"] == []
