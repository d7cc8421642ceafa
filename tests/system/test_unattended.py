"""Accounts without a person, at a real issuer and at the sandbox, with nobody there."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from tests.contracts.certificates import Authority
from tests.faults.clocks import wall_clock
from tests.oauth.keys import ed25519, p256, pem, rsa
from tests.system.hunt import hunt
from tests.system.issuers import Sandbox, oidc_provider
from tests.system.person import Person, daemon, own

SECRET = "robot-secret-known-to-few"
Key = RSAKey | ECKey | OKPKey


def write(person: Person, name: str, text: str) -> Path:
    """A file of the person's, for them alone."""
    path = person.home / name
    path.write_text(text)
    path.chmod(0o600)
    own(path)
    return path


def public(*keys: Key) -> str:
    """What the issuer knows of them."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]})


def add(person: Person, issuer: str, client: str, *words: str) -> dict[str, object]:
    kind = () if "--jwt-bearer" in words else ("--client-credentials",)
    return person.json(
        "add", "robot", *kind, f"--issuer={issuer}", f"--client-id={client}", *words
    )


def test_a_client_with_a_secret_gets_tokens_with_nobody_there(person: Person) -> None:
    with oidc_provider(access_ttl=3600) as issuer:
        file = write(person, "secret.txt", SECRET + "\n")
        words = ("--client-secret-file=secret.txt", "--scope=files:read")
        added = add(person, issuer.url, "robot-secret", *words)
        assert (added["unattended"], added["scopes"]) == (
            "client_credentials",
            ["files:read"],
        )
        file.unlink()
        token = person.token("robot")
        assert issuer.inspect(token)["client_id"] == "robot-secret"
        (listed,) = person.brokerctl("accounts").output.splitlines()
        assert "\tclient credentials\t" in listed
        # Another daemon has nothing but the store.
        assert person.brokerctl("stop").status == 0
        newer = person.token("robot")
        assert newer != token
        assert issuer.is_active(newer)
        assert person.brokerctl("logout", "robot").status == 0
        assert not issuer.is_active(newer)
        assert person.brokerctl("token", "robot").status == 4
        hunt(person, {SECRET, *issuer.secrets()})


def test_ten_at_once_are_one_request_and_a_token_is_renewed_early(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=2) as issuer, daemon(person):
        words = ("--client-secret-file=-", "--json")
        said = person.types(
            SECRET,
            "add",
            "robot",
            "--client-credentials",
            f"--issuer={issuer.url}",
            "--client-id=robot-secret",
            *words,
        )
        assert said.status == 0, said
        first = person.token("robot")
        while issuer.is_active(first):
            pass  # until the issuer itself says that it has ended
        before = len(issuer.grants)
        with ThreadPoolExecutor(10) as peers:
            tokens = set(peers.map(lambda _: person.token("robot"), range(10)))
        assert first not in tokens
        # Ten commands may take longer than the two seconds that such a token lives.
        assert len(issuer.grants) - before == len(tokens)


@pytest.mark.parametrize(
    ("key", "passphrase"), [(rsa, None), (p256, None), (ed25519, None), (rsa, "sesame")]
)
def test_a_client_signs_who_it_is(
    person: Person, key: object, passphrase: str | None
) -> None:
    own_key: Key = key()  # type: ignore[operator]
    with oidc_provider(access_ttl=3600, ROBOT_KEYS=public(own_key)) as issuer:
        file = write(person, "key.pem", pem(own_key, passphrase))
        said = person.types(
            f"{passphrase}\n",
            "add",
            "robot",
            "--client-credentials",
            f"--issuer={issuer.url}",
            "--client-id=robot-key",
            "--private-key-file=key.pem",
            "--scope=files:read files:write",
        )
        assert said.status == 0, said
        assert "the file may be deleted" in said.complaint
        file.unlink()
        assert person.brokerctl("stop").status == 0
        token = person.token("robot", "--scope", "files:read")
        assert issuer.inspect(token)["scope"] == "files:read"
        # The log-out is signed as well: only the client itself may revoke.
        assert person.brokerctl("logout", "robot").status == 0
        assert not issuer.is_active(token)
        private = own_key.as_dict(private=True)
        hunt(person, {str(private["d"]), *issuer.secrets()})


def test_a_key_that_the_issuer_does_not_know_makes_no_account(person: Person) -> None:
    with oidc_provider(access_ttl=3600, ROBOT_KEYS=public(rsa())) as issuer:
        write(person, "key.pem", pem(RSAKey.generate_key(2048)))
        said = person.brokerctl(
            "add",
            "robot",
            "--client-credentials",
            f"--issuer={issuer.url}",
            "--client-id=robot-key",
            "--private-key-file=key.pem",
        )
        assert said.status == 19, said
        assert "does not accept the client" in said.complaint
        assert "may be deleted" not in said.complaint
        assert person.json("accounts")["accounts"] == []


def test_a_clock_that_is_wrong_is_named_where_what_was_signed_is_refused(
    person: Person,
) -> None:
    clock = wall_clock(person)
    with (
        oidc_provider(access_ttl=3600, ROBOT_KEYS=public(p256())) as issuer,
        daemon(clock.person),
    ):
        write(person, "key.pem", pem(p256()))
        words = ("--private-key-file=key.pem", "--scope=files:read files:write")
        add(person, issuer.url, "robot-key", *words)
        clock.throw(-3650)
        said = person.brokerctl("token", "robot", "--scope", "files:read")
        assert said.status == 19, said
        assert "its clock is wrong: it is 36" in said.complaint
        assert "s behind the issuer's" in said.complaint
        # Once that is put right, whoever does not want to wait makes it anew.
        clock.throw(0)
        add(person, issuer.url, "robot-key", *words, "--replace")
        person.token("robot", "--scope", "files:write")


def test_a_jwt_says_for_whom_the_token_is(person: Person) -> None:
    with oidc_provider(access_ttl=3600, ROBOT_KEYS=public(rsa())) as issuer:
        write(person, "key.json", json.dumps(rsa().as_dict(private=True)))
        words = ("--jwt-bearer", "--private-key-file=key.json", "--subject=alice")
        added = add(person, issuer.url, "robot-bearer", *words, "--scope=files:read")
        assert added["unattended"] == "jwt_bearer"
        assert issuer.grants[-1]["subject"] == "alice"
        assert issuer.is_active(person.token("robot"))
        said = person.brokerctl(
            "add",
            "other",
            f"--issuer={issuer.url}",
            "--client-id=robot-bearer",
            *words,
            "--assertion-audience=https://other.example",
        )
        assert said.status == 19, said
        assert "invalid_grant" in said.complaint


def test_a_client_shows_its_certificate(person: Person, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    server = authority.pair("127.0.0.1", "server.pem")
    certificate = write(
        person, "robot.pem", authority.pair("robot", "robot.pem").read_text()
    )
    trusted = write(person, "authority.pem", authority.path.read_text())
    person.session["SSL_CERT_FILE"] = str(trusted)
    with oidc_provider(
        access_ttl=3600, TLS_PAIR=str(server), TLS_CLIENTS=str(authority.path)
    ) as issuer:
        words = ("--certificate-file=robot.pem", "--scope=files:read")
        add(person, issuer.url, "robot-certificate", *words)
        assert issuer.grants[-1]["access_token"] == person.token("robot")
        certificate.unlink()
        said = person.brokerctl("token", "robot", "--scope", "files:read")
        assert said.status == 0, said
        assert person.brokerctl("stop").status == 0
        said = person.brokerctl("token", "robot")
        assert said.status == 12
        assert "robot.pem cannot be read" in said.complaint
        assert "brokerctl add ... --replace" in said.complaint
        # That is no fault of the issuer's, whom others ask as well.
        assert person.json("status")["issuers"] == []


def test_the_sandbox_has_tokens_without_a_person_too(
    person: Person, quick_sandbox: Sandbox
) -> None:
    installed = json.loads(Path(quick_sandbox.client_secrets).read_text())["installed"]
    said = person.types(
        installed["client_secret"],
        "add",
        "robot",
        "--client-credentials",
        f"--issuer={quick_sandbox.url}",
        f"--client-id={installed['client_id']}",
        "--client-secret-file=-",
    )
    assert said.status == 0, said
    assert quick_sandbox.accepts(person.token("robot"))
