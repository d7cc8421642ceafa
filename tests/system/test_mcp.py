"""An MCP server that nobody has registered at: its URL is all that is typed."""

import json
import re
import subprocess
from pathlib import Path

from tests.faults.certificates import make_certificates
from tests.system.browser import open_page, sign_in_at_oidc_provider
from tests.system.hunt import hunt
from tests.system.issuers import OidcProvider, oidc_provider
from tests.system.mcp import mcp_server, web_site
from tests.system.person import Person, Said, daemon
from tests.system.sign_in import begin
from tests.system.waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs/mcp.md"


def call_tool(person: Person, url: str) -> Said:
    """The example of docs/mcp.md, as it stands there."""
    found = re.search(r"(?ms)^    curl .*?\n$", PAGE.read_text())
    assert found
    line = found[0].replace("https://mcp.example.org/mcp", url)
    return person.run("bash", "-c", line)


def sign_in(person: Person, url: str, *words: str) -> None:
    login = begin(person, "tools", f"--mcp={url}", *words)
    with open_page() as page:
        sign_in_at_oidc_provider(page, login.url, "ada")
        page.wait_for_url(lambda at: "code=" not in at)
        page.wait_for_load_state()
    ended = login.end()
    assert ended.status == 0, ended


def the_account(person: Person) -> dict[str, object]:
    accounts = person.json("accounts")["accounts"]
    assert isinstance(accounts, list)
    (account,) = accounts
    assert isinstance(account, dict)
    return account


def registered(issuer: OidcProvider) -> list[str]:
    return [one["registered"] for one in issuer.clients if "registered" in one]


def test_a_url_is_enough_to_sign_in_and_to_call_a_tool(person: Person) -> None:
    with (
        oidc_provider(access_ttl=5) as issuer,
        mcp_server(issuer) as url,
        mcp_server(issuer) as other,
        daemon(person),
    ):
        sign_in(person, url)
        account = the_account(person)
        assert account["resource"] == url
        assert account["client_id"] == registered(issuer)[0]
        assert account["scopes"] == ["tools:call"]
        assert account["refreshable"]

        called = call_tool(person, url)
        assert "you are ada" in called.output, called
        first = person.token("tools")
        wait_until(lambda: not issuer.is_active(first), "the token expires")
        renewed = call_tool(person, url)
        assert "you are ada" in renewed.output, renewed

        # Another server of the same issuer is given no token, and takes none of these.
        refused = call_tool(person, other)
        assert "not issued for this resource" in refused.output, refused
        asked = {"account": "tools", "resource": other}
        said = person.run(
            *("curl", "-sS", "--unix-socket", str(person.socket)),
            *("http://broker/v1/token", "-d", json.dumps(asked)),
        )
        assert json.loads(said.output)["code"] == "resource_not_granted", said
        hunt(person, issuer.secrets())


def test_one_registration_serves_every_login_until_it_is_forgotten(
    person: Person,
) -> None:
    with oidc_provider(access_ttl=60) as issuer, mcp_server(issuer) as url:
        with daemon(person):
            sign_in(person, url)
            sign_in(person, url)
            assert len(registered(issuer)) == 1
        with daemon(person):
            sign_in(person, url)
            assert len(registered(issuer)) == 1
            forget(issuer)
            sign_in(person, url)
            assert len(registered(issuer)) == 2
            assert "you are ada" in call_tool(person, url).output


def forget(issuer: OidcProvider) -> None:
    """What whoever runs the issuer does when he tidies up."""
    client = issuer.clients[-1]
    manage = f"{issuer.url}/reg/{client['registered']}"
    token = client["registration_access_token"]
    subprocess.run(
        [
            "curl",
            "-sSf",
            "-X",
            "DELETE",
            manage,
            "-H",
            f"Authorization: Bearer {token}",
        ],
        check=True,
    )


def test_a_login_that_comes_to_nothing_leaves_no_client_behind(person: Person) -> None:
    with oidc_provider(access_ttl=60) as issuer, mcp_server(issuer) as url:
        with daemon(person):
            login = begin(person, "tools", f"--mcp={url}")
            login.process.terminate()
            assert login.end().status == 130
            again = begin(person, "tools", f"--mcp={url}")
            again.process.terminate()
            again.end()
            assert len(registered(issuer)) == 1
            assert person.brokerctl("stop").status == 0
        wait_until(
            lambda: issuer.clients[-1] == {"deleted": registered(issuer)[0]},
            "the client is deleted",
        )


def test_a_document_is_the_client_where_the_issuer_reads_such(person: Person) -> None:
    pems = make_certificates(person.home, "127.0.0.1")
    person.session["SSL_CERT_FILE"] = str(pems.authority)
    trusting = {"NODE_EXTRA_CA_CERTS": str(pems.authority), "CLIENT_DOCUMENTS": "yes"}
    with web_site(pems.good) as (site, files):
        document = f"{site}/brokerd.json"
        printed = person.brokerctl("client-metadata", document, "--port", "28475")
        files["/brokerd.json"] = printed.output.encode()
        config = person.home / ".config/brokerd/config.toml"
        config.parent.mkdir(parents=True)
        config.write_text(f'[login]\nclient_id_metadata = "{document}"\n')
        with (
            oidc_provider(access_ttl=60, **trusting) as issuer,
            mcp_server(issuer) as url,
            daemon(person),
        ):
            sign_in(person, url)
            assert the_account(person)["client_id"] == document
            assert registered(issuer) == []
            assert "you are ada" in call_tool(person, url).output
            del files["/brokerd.json"]
            said = person.brokerctl("login", "other", f"--mcp={url}")
            assert said.status == 12, said
            assert "HTTP status 404" in said.complaint


def test_a_server_that_is_none_is_told_with_what_to_do(person: Person) -> None:
    with oidc_provider(access_ttl=60) as issuer, daemon(person):
        said = person.brokerctl("login", "tools", f"--mcp={issuer.url}/nowhere")
        assert said.status == 11, said
        assert "asked for no sign-in" in said.complaint
        assert "brokerctl: hint:" in said.complaint
