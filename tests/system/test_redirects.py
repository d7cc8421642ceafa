"""Every kind of redirect, in a real browser, from a real issuer."""

import socket
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.system.browser import open_page, photograph, sign_in_at_oidc_provider
from tests.system.issuers import OidcProvider, oidc_provider
from tests.system.person import Person, daemon
from tests.system.sign_in import SignIn, begin
from tests.system.terminal import terminal


def begin_at(issuer: OidcProvider, person: Person, *words: str) -> SignIn:
    return begin(
        person,
        "work",
        f"--issuer={issuer.url}",
        "--client-id=native-app",
        "--scope=openid offline_access files:read",
        *words,
    )


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize(
    "words",
    [
        ("--host=127.0.0.1",),
        ("--host=::1",),
        ("--host=localhost",),
        ("--port={port}",),
        ("--redirect-uri=http://127.0.0.1:{port}/",),
        ("--response-mode=form_post",),
        ("--response-mode=query",),
    ],
)
def test_the_browser_brings_the_answer_to_every_kind_of_address(
    words: tuple[str, ...], person: Person
) -> None:
    told = [word.format(port=free_port()) for word in words]
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        login = begin_at(issuer, person, *told)
        with open_page() as page:
            sign_in_at_oidc_provider(page, login.url, "ada")
            page.wait_for_url(lambda url: "/done/" in url)
            page.wait_for_load_state()
            assert "code=" not in page.url
            photograph(page, "signed-in-" + words[0].strip("-").partition("=")[0])
        ended = login.end()
        assert ended.status == 0, ended
        assert issuer.is_active(person.token("work"))


def test_rfc9126_the_browser_carries_a_reference_and_nothing_else(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        login = begin_at(issuer, person)
        query = parse_qs(urlsplit(login.url).query)
        assert query.keys() == {"client_id", "request_uri"}
        with open_page() as page:
            sign_in_at_oidc_provider(page, login.url, "ada")
            page.wait_for_url(lambda url: "/done/" in url)
        assert login.end().status == 0


def test_a_port_that_somebody_has_is_told_and_nothing_is_left(person: Person) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            said = person.brokerctl(
                *("login", "work", f"--issuer={issuer.url}", "--client-id=native-app"),
                *("--no-browser", f"--port={port}"),
            )
        assert said.status == 13, said
        assert person.json("pending")["logins"] == []


def test_an_address_that_no_browser_could_open_is_pasted(person: Person) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        with terminal(person) as screen, open_page() as page:
            process = person.start(
                *("brokerctl", "login", "work", f"--issuer={issuer.url}"),
                *("--client-id=native-app", "--scope=openid", "--paste"),
                # Where the browser is sent to, nobody is at home: as with a browser
                # on another machine.
                *(f"--port={free_port()}", "--bind=127.0.0.2"),
                stdin=screen.device,
                stderr=screen.device,
            )
            assert process.stdout
            url = process.stdout.readline().rsplit(" ", 1)[-1].strip()
            screen.await_text("Paste it here:")
            with page.expect_event(
                "requestfailed", lambda request: "code=" in request.url
            ) as failed:
                sign_in_at_oidc_provider(page, url, "ada")
            address = failed.value.url
            screen.type("https://evil.example/?code=x&state=y\n")
            screen.await_text("is no address that begins with")
            screen.type(address + "\n")
            ended = person.finish(process)
            assert ended.status == 0, screen.shown
        assert issuer.is_active(person.token("work"))


def test_two_that_sign_in_at_once_share_one_page(person: Person) -> None:
    with oidc_provider(access_ttl=600) as issuer, daemon(person):
        logins = [begin_at(issuer, person) for _ in range(3)]
        assert len({login.url for login in logins}) == 1
        assert str(person.json("pending")).count("authorization_url") == 1
        with open_page() as page:
            sign_in_at_oidc_provider(page, logins[0].url, "ada")
            page.wait_for_url(lambda url: "/done/" in url)
        assert [login.end().status for login in logins] == [0, 0, 0]
        assert len(issuer.grants) == 1
