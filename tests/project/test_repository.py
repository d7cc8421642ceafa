"""What the repository promises of itself."""

import re

import pytest

import broker
from broker.oauth.presets import _PinnedRow, _PresetRow, _QuirksRow, parse_presets
from brokerd_client.exit_codes import EXIT_CODES
from tests.project.tree import ROOT, files, modules

# Where packages come from, and what lies where on one machine, is nobody else's
# business. Written as patterns that do not match themselves.
FOREIGN = re.compile(
    rb"pypi\.[o]rg|pythonhosted\.[o]rg|registry\.npm[j]s"
    rb"|/wor[k]/[a-z]|/roo[t]/[a-z.]|[.]pye[n]v|deb\.debia[n]"
)

# Secrets leave their type only here: where a request, a reply or a sealed record is
# written, where one is checked, hashed or used as a key.
REVEALING = {
    "broker/host/dpapi.py": "the key that Windows seals",
    "broker/control/login_titles.py": "the code in a title, handed to the daemon",
    "broker/host/kernel_keyring.py": "the key that the kernel keeps",
    "broker/control/foreign/email_proxy.py": "the password becomes a key",
    "broker/control/foreign/oidc_agent.py": "the password becomes a key",
    "broker/control/foreign/removing.py": "the file as it was, but for its secrets",
    "broker/control/import_google.py": "a key on its way to the daemon",
    "broker/control/import_requests.py": "what another tool kept, in the request",
    "broker/ipc/id_token_wire.py": "the ID token in a reply",
    "broker/ipc/moving_wire.py": "a grant that is given away, in the reply",
    "broker/ipc/wire.py": "the token in a reply",
    "broker/model/leaving.py": "the hash by which a cut-off log-out is known",
    "broker/model/secret.py": "defines it",
    "broker/model/token.py": "the hash by which a rejected token is known",
    "broker/net/proxies.py": "the proxy as the person names it, its password",
    "broker/net/socks.py": "the proxy's password as SOCKS wants it",
    "broker/oauth/assertions.py": "the key that signs JWTs",
    "broker/oauth/authorization.py": "state and nonce in the request",
    "broker/oauth/client_authentication.py": "the client's secret in the request",
    "broker/oauth/device.py": "the device code in the request",
    "broker/oauth/dpop.py": "the key that signs proofs",
    "broker/oauth/compact.py": "an ID token is taken apart",
    "broker/oauth/id_token.py": "the hash of the access token beside an ID token",
    "broker/oauth/google_life.py": "how long a token that was signed here lives",
    "broker/oauth/private_keys.py": "a private key is read",
    "broker/oauth/pkce.py": "the verifier is hashed",
    "broker/oauth/registration.py": "the token that manages a registration",
    "broker/oauth/revocation.py": "the token that is revoked in the request",
    "broker/oauth/token_exchange.py": "the token that is shown in the request",
    "broker/oauth/userinfo.py": "the token in a request for userinfo",
    "broker/oauth/token_request.py": "code, verifier, refresh token in the request",
    "broker/sandbox/endpoints.py": "the sandbox's replies",
    "broker/sandbox/grants.py": "the sandbox's tokens are made and looked up",
    "broker/sandbox/registration.py": "the sandbox's client_secret.json",
    "broker/sandbox/signing.py": "at_hash of the sandbox's ID tokens",
    "broker/services/google_flow.py": "a service account's key, for google-auth",
    "broker/services/login.py": "what the person pasted is read",
    "broker/services/sign_in.py": "a client_secret.json is read",
    "broker/services/workload_tokens.py": "what a program left, for google-auth",
    "broker/store/audit_chain.py": "the key of the audit's MACs",
    "broker/store/keys/kept.py": "the key as a keyring keeps it",
    "broker/store/keys/passphrase.py": "the passphrase becomes a key",
    "broker/store/keys/unlock_cache.py": "the keys that the kernel has kept",
    "broker/store/contents.py": "records on their way into a backup and back",
    "broker/store/records.py": "the record that is sealed",
    "broker/store/sealing.py": "keys at work",
}


def test_no_file_names_a_registry_or_a_place_on_one_machine() -> None:
    naming = {
        str(path): found[0].decode()
        for path in files()
        if (found := FOREIGN.search((ROOT / path).read_bytes()))
    }
    assert naming == {}


def test_the_python_locks_pin_every_package_by_hash_and_name_no_host() -> None:
    for lock in (
        "requirements.lock",
        "requirements-system.lock",
        "requirements-fuzz.lock",
        "requirements-windows.lock",
    ):
        text = (ROOT / lock).read_text()
        assert "://" not in text
        packages = re.split(r"\n(?=\S)", text.strip())
        unpinned = [p for p in packages if "==" not in p or "--hash=sha256:" not in p]
        assert unpinned == []


@pytest.mark.parametrize("server", ["oidc_provider", "mcp_server"])
def test_the_npm_locks_pin_every_package_by_hash_and_name_no_host(server: str) -> None:
    text = (ROOT / f"tests/system/{server}/package-lock.json").read_text()
    assert '"resolved"' not in text
    packages = text.count('"node_modules/')
    assert packages == text.count('"integrity": "sha512-')
    assert packages > 0


def test_secrets_are_revealed_only_in_the_files_that_are_held_here() -> None:
    revealing = {
        str(path)
        for package in ("broker", "clients/python/brokerd_client")
        for path in modules(package)
        if ".reveal()" in (ROOT / path).read_text()
    }
    assert revealing - REVEALING.keys() == set(), "not held here"
    assert REVEALING.keys() - revealing == {"broker/model/secret.py"}, "no longer true"


def test_nothing_that_the_daemon_runs_can_start_a_process() -> None:
    # BROWSER and what an issuer says are command lines to whoever runs them
    # (CVE-2017-17522, CVE-2025-6514); brokerctl opens the browser.
    starting = re.compile(
        r"\b(subprocess|webbrowser|pty|multiprocessing|posix_spawn\w*|create_subprocess"
        r"\w*|startfile|os\.(exec\w+|spawn\w+|system|popen|fork\w*))\b"
    )
    found = {
        str(path): use[0]
        for path in modules("broker")
        if "control" not in path.parts
        if (use := starting.search((ROOT / path).read_text()))
    }
    assert found == {}


def test_the_readmes_exit_codes_are_those_of_the_commands() -> None:
    text = (ROOT / "README.md").read_text()
    told = {
        code: int(number)
        for number, codes in re.findall(r"^\| (\d+) \| (`.*`) \|$", text, re.MULTILINE)
        for code in re.findall(r"`(\w+)`", codes)
    }
    assert told == EXIT_CODES


def test_no_page_puts_a_token_into_an_argument() -> None:
    """Every user of the machine reads arguments with ps; `-H @<(...)` is a file."""
    shown = re.compile(r"""["'=]\$\(brokerctl token""")
    pages = [path for path in files() if path.suffix == ".md"]
    assert len(pages) > 5
    assert [str(p) for p in pages if shown.search((ROOT / p).read_text())] == []


def test_every_link_of_a_page_leads_somewhere() -> None:
    dead = [
        f"{page}: {target}"
        for page in files()
        if page.suffix == ".md"
        for target in re.findall(
            r"\]\(([^)#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text()
        )
        if not (ROOT / page.parent / target).exists()
    ]
    assert dead == []


def test_both_distributions_have_one_version() -> None:
    pattern = re.compile(r'^version = "(.+)"$', re.MULTILINE)
    versions = {
        found[1]
        for folder in ("", "clients/python/")
        if (found := pattern.search((ROOT / f"{folder}pyproject.toml").read_text()))
    }
    assert len(versions) == 1
    (version,) = versions
    assert version == broker.__version__
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_the_page_of_issuers_has_what_the_data_have() -> None:
    page = (ROOT / "docs" / "issuers.md").read_text("utf-8")
    presets = parse_presets((ROOT / "broker" / "issuers.toml").read_text("utf-8"))
    rows = re.findall(
        r"^\| `([a-z0-9-]+)` \| `(http.*?)` \| (.*?) \| (.*?) \|$", page, re.MULTILINE
    )
    assert [name for name, *_ in rows] == list(presets)
    for name, issuer, redirect_uri, ways in rows:
        preset = presets[name]
        assert issuer == preset.issuer
        assert ways == ", ".join(way.value for way in preset.ways)
        if preset.redirect_rule is None:
            assert "`" not in redirect_uri
        else:
            assert redirect_uri == f"`{preset.redirect_rule}`"


def test_the_page_of_issuers_lists_every_key_of_a_table() -> None:
    page = (ROOT / "docs" / "issuers.md").read_text("utf-8")
    _, _, own = page.partition("## One of your own")
    listed = set(re.findall(r"`(?:\[….)?([a-z_]+)\]?`", own))
    for row in (_PresetRow, _PinnedRow, _QuirksRow):
        assert set(row.__struct_fields__) - listed == set()


def test_the_list_of_pages_has_them_all() -> None:
    listed = re.findall(r"\]\(([\w.-]+\.md)\)", (ROOT / "docs/README.md").read_text())
    there = {path.name for path in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert sorted(listed) == sorted(there)
