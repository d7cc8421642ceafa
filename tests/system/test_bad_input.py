"""Bad input: one sentence, a hint, an exit code of its own, and nothing changed."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.system.browser import open_page, photograph
from tests.system.issuers import Sandbox, sandbox
from tests.system.person import Person, Said, own
from tests.system.sign_in import begin, sign_in

CLIENT_SECRET_FILES = {
    "not JSON": ("this is no JSON", "JSON"),
    "another shape": ('{"hello": "world"}', "client"),
    "a service account's key": (
        '{"type": "service_account", "private_key": "…", "client_email": "a@b"}',
        "service-account",
    ),
}


def assert_told(said: Said, status: int) -> None:
    """One error of one line, one hint, and nothing on stdout."""
    errors = [line for line in said.complaint.splitlines() if "error:" in line]
    hints = [line for line in said.complaint.splitlines() if "hint:" in line]
    assert said.status == status, said
    assert len(errors) == 1, said
    assert len(hints) == 1, said
    assert errors[0].startswith(("brokerctl: error:", "brokerctl token: error:"))
    assert "Traceback" not in said.complaint


@contextmanager
def nothing_changes(person: Person) -> Iterator[None]:
    before = person.json("accounts")
    yield
    assert person.json("accounts") == before


@contextmanager
def issuer_with_metadata(issuer: str) -> Iterator[str]:
    """A server whose metadata names `issuer`, whoever is asked; its own address."""

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/auth",
                    "token_endpoint": f"{issuer}/token",
                    "response_types_supported": ["code"],
                    "code_challenge_methods_supported": ["S256"],
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Metadata) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_an_unknown_account_is_named(person: Person, quick_sandbox: Sandbox) -> None:
    sign_in(person, "demo", quick_sandbox)
    with nothing_changes(person):
        said = person.brokerctl("token", "nobody")
    assert_told(said, 4)
    assert "nobody" in said.complaint


def test_an_issuer_that_does_not_answer(person: Person) -> None:
    with nothing_changes(person), socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
        gone.close()
        said = person.brokerctl(
            "login", "x", f"--issuer=http://127.0.0.1:{port}", "--client-id=c"
        )
    assert_told(said, 9)


def test_metadata_that_names_another_issuer(person: Person) -> None:
    with nothing_changes(person), issuer_with_metadata("http://127.0.0.1:9") as url:
        said = person.brokerctl("login", "x", f"--issuer={url}", "--client-id=c")
    assert_told(said, 10)


def test_an_issuer_without_https(person: Person) -> None:
    with nothing_changes(person):
        said = person.brokerctl(
            "login", "x", "--issuer=http://issuer.example", "--client-id=c"
        )
    assert_told(said, 11)


@pytest.mark.parametrize("kind", CLIENT_SECRET_FILES)
def test_a_client_secret_file_that_is(kind: str, person: Person) -> None:
    text, said_of_it = CLIENT_SECRET_FILES[kind]
    path = person.home / "client_secret.json"
    path.write_text(text)
    own(path)
    with nothing_changes(person):
        said = person.brokerctl(
            "login", "x", "--issuer=google", f"--client-secrets={path}"
        )
    assert_told(said, 12)
    assert said_of_it in said.complaint


def test_a_port_that_is_taken(person: Person, quick_sandbox: Sandbox) -> None:
    with nothing_changes(person), socket.create_server(("127.0.0.1", 0)) as taken:
        said = person.brokerctl(
            "login",
            "x",
            f"--issuer={quick_sandbox.url}",
            f"--client-secrets={quick_sandbox.client_secrets}",
            f"--port={taken.getsockname()[1]}",
        )
    assert_told(said, 13)


def test_a_click_on_deny_in_the_browser(person: Person) -> None:
    with sandbox(person) as issuer, nothing_changes(person):
        login = begin(
            person,
            "x",
            f"--issuer={issuer.url}",
            f"--client-secrets={issuer.client_secrets}",
        )
        with open_page() as page:
            page.goto(login.url)
            photograph(page, "sandbox-consent")
            page.get_by_role("button", name="Deny").click()
            page.wait_for_url(lambda url: issuer.url not in url)
            ended = login.end()
    assert ended.status == 6, ended
    assert "brokerctl: hint:" in ended.output


def test_nobody_comes_to_the_browser(person: Person, quick_sandbox: Sandbox) -> None:
    with nothing_changes(person):
        said = person.brokerctl(
            "login",
            "x",
            "--no-browser",
            "--timeout=1",
            f"--issuer={quick_sandbox.url}",
            f"--client-secrets={quick_sandbox.client_secrets}",
        )
    assert_told(said, 7)


def test_a_socket_that_another_user_has_put_there_gets_not_one_byte(
    person: Person,
) -> None:
    person.socket.parent.mkdir(mode=0o700)
    own(person.socket.parent)
    with socket.socket(socket.AF_UNIX) as roots:
        roots.bind(str(person.socket))
        person.socket.chmod(0o666)
        roots.listen()
        said = person.brokerctl("token", "demo")
        roots.settimeout(0.0)
        received = b""
        try:
            connection, _ = roots.accept()
        except BlockingIOError:
            pass  # it did not even connect
        else:
            with connection:
                received = connection.recv(1)
    person.socket.unlink()
    assert_told(said, 14)
    assert received == b""


def test_a_corrupt_store_is_left_as_it_is(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "demo", quick_sandbox)
    assert person.brokerctl("stop").status == 0
    rubbish = b"this was a store once" * 1000
    for path in person.store.parent.glob("store.db*"):
        path.write_bytes(rubbish)
    said = person.brokerctl("token", "demo")
    assert_told(said, 15)
    assert person.store.read_bytes() == rubbish
