"""Sign-ins of other tools, made by those tools, taken over from real files."""

import json
import os
import subprocess
from pathlib import Path

from google.oauth2.credentials import Credentials

from tests.control.foreign.samples import GH, credentials_db, credentials_db_of
from tests.system.hunt import hunt
from tests.system.issuers import Sandbox, read_json
from tests.system.person import Person, own
from tests.system.sign_in import sign_in
from tests.system.terminal import terminal

DRIVE = "https://www.googleapis.com/auth/drive"

# oidc-gen asks for the latter two, whatever it is told.
SCOPES = f"{DRIVE} openid offline_access"


def given_away(person: Person, sandbox: Sandbox, name: str) -> dict[str, str]:
    """A grant that is another tool's from now on: this broker has forgotten it."""
    sign_in(person, name, sandbox, f"--scope={SCOPES}")
    file = person.home / f"{name}.json"
    said = person.brokerctl("export", name, str(file), "--yes")
    assert said.status == 0, said
    assert file.stat().st_mode & 0o777 == 0o600
    grant: dict[str, str] = json.loads(file.read_text())
    file.unlink()
    assert person.brokerctl("logout", name, "--local-only").status == 0
    return grant


def endpoint(sandbox: Sandbox) -> str:
    url = f"{sandbox.url}/.well-known/oauth-authorization-server"
    return str(read_json(url)["token_endpoint"])


def write(person: Person, path: str, data: bytes, mode: int = 0o600) -> Path:
    """A file of the person's home, as if a tool of theirs had written it."""
    file = person.home / path
    missing = [p for p in file.parents if p.is_relative_to(person.home)]
    for folder in reversed(missing):
        if not folder.exists():
            folder.mkdir(mode=0o755)
            own(folder)
    file.write_bytes(data)
    file.chmod(mode)
    own(file)
    return file


def token_json(person: Person, sandbox: Sandbox, mode: int = 0o600) -> str:
    """google-auth's own file; answers its refresh token."""
    grant = given_away(person, sandbox, "theirs")
    credentials = Credentials(  # type: ignore[no-untyped-call]
        token=None,
        refresh_token=grant["refresh_token"],
        token_uri=endpoint(sandbox),
        client_id=grant["client_id"],
        client_secret=grant["client_secret"],
        scopes=[DRIVE],
    )
    text = credentials.to_json()  # type: ignore[no-untyped-call]
    write(person, "token.json", text.encode(), mode)
    return grant["refresh_token"]


def test_google_auths_file_moves_in_and_its_token_is_void(
    person: Person, quick_sandbox: Sandbox
) -> None:
    refresh_token = token_json(person, quick_sandbox)
    refreshes = quick_sandbox.refreshes()
    said = person.brokerctl("import", "token.json", "--name=mine", "--yes", "--json")
    assert said.status == 0, said
    (taken,) = json.loads(said.output)["taken"]
    assert taken["account"] == "mine"
    assert taken["rotated"]
    assert quick_sandbox.refreshes() == refreshes + 1
    assert not (person.home / "token.json").exists()
    assert quick_sandbox.accepts(person.token("mine"))
    assert quick_sandbox.refreshes() == refreshes + 1
    hunt(person, [refresh_token], kept=["client_secret.json"])


def test_what_was_exported_moves_in_again(
    person: Person, quick_sandbox: Sandbox
) -> None:
    sign_in(person, "work", quick_sandbox, f"--scope={SCOPES} profile email")
    person.json("export", "work", "work.json", "--yes")
    held = json.loads((person.home / "work.json").read_text())["refresh_token"]
    assert person.brokerctl("logout", "work", "--local-only").status == 0
    said = person.brokerctl("import", "work.json", "--yes")
    assert said.status == 0, said
    assert quick_sandbox.accepts(person.token("work"))
    # Whose it is comes with its first refresh.
    shown = person.brokerctl("accounts").output
    assert "\tRobin Sample <robin@sandbox.invalid>\t" in shown
    hunt(person, [held], kept=["client_secret.json"])


def test_a_sign_in_that_the_issuer_refuses_leaves_no_account(
    person: Person, quick_sandbox: Sandbox
) -> None:
    token_json(person, quick_sandbox)
    file = person.home / "token.json"
    members = json.loads(file.read_text())
    file.write_text(json.dumps({**members, "refresh_token": "made-up"}))
    said = person.brokerctl("import", "token.json", "--name=mine", "--yes")
    assert said.status == 41, said
    assert file.exists()
    assert person.json("accounts")["accounts"] == []


def test_at_a_terminal_the_person_is_asked_and_the_copy_may_stay(
    person: Person, quick_sandbox: Sandbox
) -> None:
    token_json(person, quick_sandbox, 0o644)
    with terminal(person) as screen:
        process = person.start(
            "brokerctl",
            "import",
            "token.json",
            "--name=mine",
            stdin=screen.device,
            stderr=screen.device,
        )
        screen.await_text("Take it over?")
        screen.type("y\r")
        screen.await_text("Remove the copy")
        screen.type("n\r")
        assert person.finish(process).status == 0
    assert (person.home / "token.json").exists()
    assert quick_sandbox.accepts(person.token("mine"))


def test_an_account_that_oidc_gen_has_made_moves_in(
    person: Person, quick_sandbox: Sandbox
) -> None:
    grant = given_away(person, quick_sandbox, "theirs")
    socket = person.run("oidc-agent", "--json")
    assert socket.status == 0, socket
    agent = json.loads(socket.output)
    try:
        made = person.run(
            *("oidc-gen", "--manual", "--issuer", quick_sandbox.url),
            *("--client-id", grant["client_id"]),
            *("--client-secret", grant["client_secret"]),
            *("--redirect-uri", "http://localhost:4242", "--scope", DRIVE),
            *("--rt", grant["refresh_token"], "--pw-env", "--prompt=none"),
            *("--confirm-yes", "acc"),
            OIDC_SOCK=agent["socket"],
            OIDC_ENCRYPTION_PW="horse",
        )
        assert made.status == 0, made
        person.session["OIDC_SOCK"] = agent["socket"]
        assert "acc" in person.run("oidc-add", "--loaded").output.split()
        refused = person.types("cow\n", "import", "oidc-agent", "--yes")
        assert refused.status == 16, refused
        assert "acc" in person.run("oidc-add", "--loaded").output.split()
        said = person.types("horse\n", "import", "oidc-agent", "--yes")
        assert said.status == 0, said
        assert "the running oidc-agent has let go of it" in said.complaint
        assert "acc" not in person.run("oidc-add", "--loaded").output.split()
    finally:
        os.kill(int(agent["dpid"]), 15)
    assert quick_sandbox.accepts(person.token("acc"))
    assert not list(person.home.rglob("acc"))


def test_a_remote_that_rclone_has_made_moves_in(
    person: Person, quick_sandbox: Sandbox
) -> None:
    grant = given_away(person, quick_sandbox, "theirs")
    token = {
        "access_token": "old",
        "token_type": "Bearer",
        "refresh_token": grant["refresh_token"],
        "expiry": "2020-01-01T00:00:00Z",
    }
    made = person.run(
        *("rclone", "config", "create", "gd", "drive", "config_refresh_token", "false"),
        *("client_id", grant["client_id"], "client_secret", grant["client_secret"]),
        *("token_url", endpoint(quick_sandbox), "scope", "drive"),
        *("token", json.dumps(token)),
    )
    assert made.status == 0, made
    person.heard.clear()  # rclone itself has said it
    said = person.brokerctl("import", "rclone", "--yes")
    assert said.status == 0, said
    left = (person.home / ".config/rclone/rclone.conf").read_text()
    assert "type = drive" in left
    assert quick_sandbox.accepts(person.token("gd"))
    hunt(person, [grant["refresh_token"]], kept=["client_secret.json"])
    shown = subprocess.run(
        ["rclone", "config", "show"],
        env={"HOME": str(person.home), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "refresh_token" not in shown.stdout


def test_all_copies_that_gcloud_has_of_a_sign_in_move_in_as_one(
    person: Person, quick_sandbox: Sandbox
) -> None:
    grant = given_away(person, quick_sandbox, "theirs")
    credential = {
        "type": "authorized_user",
        "client_id": grant["client_id"],
        "client_secret": grant["client_secret"],
        "refresh_token": grant["refresh_token"],
        "token_uri": endpoint(quick_sandbox),
    }
    adc = json.dumps(credential).encode()
    gcloud = ".config/gcloud"
    write(person, f"{gcloud}/application_default_credentials.json", adc)
    write(person, f"{gcloud}/legacy_credentials/a@b.example/adc.json", adc)
    boto = f"[Credentials]\ngs_oauth2_refresh_token = {grant['refresh_token']}"
    write(person, f"{gcloud}/legacy_credentials/a@b.example/.boto", boto.encode())
    rows = {"a@b.example": credential}
    write(person, f"{gcloud}/credentials.db", credentials_db_of(rows))
    refreshes = quick_sandbox.refreshes()
    said = person.brokerctl("import", "gcloud", "--yes", "--json")
    assert said.status == 0, said
    told = json.loads(said.output)
    assert [one["account"] for one in told["taken"]] == ["a@b.example"]
    assert quick_sandbox.refreshes() == refreshes + 1
    assert quick_sandbox.accepts(person.token("a@b.example"))
    left = [one.name for one in (person.home / gcloud).rglob("*") if one.is_file()]
    assert sorted(left) == [".boto", "credentials.db"]  # without its line and row
    hunt(person, [grant["refresh_token"]], kept=["client_secret.json"])


MUTT_OAUTH2 = Path("/usr/share/doc/mutt/examples/mutt_oauth2.py")


def test_what_mutts_own_script_keeps_moves_in(
    person: Person, quick_sandbox: Sandbox
) -> None:
    grant = given_away(person, quick_sandbox, "theirs")
    script = MUTT_OAUTH2.read_text()
    # As its own words ask its users to do: the client, and what encrypts its file.
    for theirs, ours in (
        ("['gpg', '--encrypt', '--recipient', 'YOUR_GPG_IDENTITY']", "['cat']"),
        ("['gpg', '--decrypt']", "['cat']"),
        ("https://accounts.google.com/o/oauth2/token", endpoint(quick_sandbox)),
        ("'client_id': ''", f"'client_id': '{grant['client_id']}'"),
        ("'client_secret': ''", f"'client_secret': '{grant['client_secret']}'"),
    ):
        assert theirs in script
        script = script.replace(theirs, ours)
    write(person, "mutt_oauth2.py", script.encode())
    began = {
        "registration": "google",
        "authflow": "authcode",
        "email": "a@b.example",
        "access_token": "",
        "access_token_expiration": "",
        "refresh_token": grant["refresh_token"],
    }
    file = write(person, ".mutt/mail.tokens", json.dumps(began).encode())
    renewed = person.run("python3", "mutt_oauth2.py", str(file))
    assert renewed.status == 0, renewed
    person.heard.clear()  # the script prints its access token
    (person.home / "mutt_oauth2.py").unlink()
    kept = json.loads(file.read_text())["refresh_token"]
    assert kept != grant["refresh_token"]
    write(person, "secret", grant["client_secret"].encode())
    said = person.brokerctl(
        *("import", "mutt", "--yes", f"--issuer={quick_sandbox.url}"),
        *(f"--client-id={grant['client_id']}", "--client-secret-file=secret"),
    )
    assert said.status == 0, said
    assert quick_sandbox.accepts(person.token("a@b.example"))
    hunt(person, [kept], kept=["client_secret.json", "secret"])


def test_scan_finds_eight_planted_tokens_and_says_who_can_read_them(
    person: Person,
) -> None:
    planted = Credentials(  # type: ignore[no-untyped-call]
        token=None,
        refresh_token="planted",
        token_uri="https://oauth2.googleapis.com/token",
        client_id="c",
        client_secret="s",
    )
    text = planted.to_json().encode()  # type: ignore[no-untyped-call]
    write(person, "token.json", text, 0o644)
    gcloud = ".config/gcloud"
    write(person, f"{gcloud}/application_default_credentials.json", text)
    write(person, f"{gcloud}/legacy_credentials/a@b.example/adc.json", text)
    write(
        person, f"{gcloud}/credentials.db", credentials_db("a@b.example", "c@d.example")
    )
    write(person, ".credentials/sheets.json", text, 0o640)
    write(person, ".config/gh/hosts.yml", GH)
    write(person, "emailproxy.config", b"[Server setup]\n")
    tokens = b'{"access_token": "a", "token_type": "Bearer", "refresh_token": "r"}'
    write(person, ".mcp-auth/mcp-remote-v1/abc_tokens.json", tokens)
    # As `sudo` leaves it: it may be listed, and not entered.
    roots = person.home / ".mutt"
    roots.mkdir()
    (roots / "mail.tokens").write_text("{}")
    roots.chmod(0o744)
    person.home.chmod(0o755)
    said = person.json("scan")
    unreadable = said["unreadable"]
    assert isinstance(unreadable, list)
    assert [one["what"] for one in unreadable] == ["cannot be read: permission denied"]
    assert said["plaintext"] == 8
    files = said["files"]
    assert isinstance(files, list)
    readers = {
        file["path"].removeprefix(f"{person.home}/"): file["readers"] for file in files
    }
    assert readers["token.json"] == "everyone"
    assert readers[".credentials/sheets.json"] == "group"
    assert readers[".config/gh/hosts.yml"] == "you"
