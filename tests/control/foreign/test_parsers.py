"""What each tool's file says, beyond that it holds a token."""

import json

import pytest

from broker.control.foreign.email_proxy import parse_email_proxy
from broker.control.foreign.exported import parse_exported
from broker.control.foreign.forges import parse_gh, parse_glab
from broker.control.foreign.found import (
    ForeignFileError,
    Found,
    Parser,
    WrongPasswordError,
)
from broker.control.foreign.gcloud import parse_boto, parse_gcloud_database
from broker.control.foreign.google_auth import GOOGLE_TOKEN_ENDPOINT, parse_google_auth
from broker.control.foreign.mcp_remote import parse_mcp_tokens, with_mcp_client
from broker.control.foreign.mutt import parse_mutt
from broker.control.foreign.oauth2l import parse_oauth2l
from broker.control.foreign.oidc_agent import parse_oidc_agent
from broker.control.foreign.pizauth import parse_pizauth
from broker.control.foreign.rclone import parse_rclone
from broker.model.secret import Secret
from tests.control.foreign import samples


def only(parse: Parser, data: bytes, password: str | None = None) -> Found:
    (found,) = parse(data, None if password is None else Secret(password))
    return found


@pytest.mark.parametrize("data", [samples.token_json(), samples.token_pickle()])
def test_google_auths_file_says_all_but_the_issuer_by_name(data: bytes) -> None:
    assert only(parse_google_auth, data) == Found(
        label="alice@example.com",
        token_endpoint=GOOGLE_TOKEN_ENDPOINT,
        client_id="cid.apps.googleusercontent.com",
        client_secret=Secret(samples.SECRET),
        refresh_token=Secret(samples.TOKEN),
        scopes=("drive", "mail"),
    )


def test_gsutils_file_for_a_key_holds_no_token() -> None:
    assert parse_boto(b"[Credentials]\ngs_service_key_file = /k.json") == ()
    assert parse_boto(b"[Credentials]\ngs_oauth2_refresh_token =") == ()


def test_what_a_broker_has_exported_says_all() -> None:
    assert only(parse_exported, samples.EXPORTED) == Found(
        label="work",
        issuer="https://issuer.example",
        token_endpoint="https://issuer.example/token",
        client_id="cid",
        client_secret=Secret(samples.SECRET),
        refresh_token=Secret(samples.TOKEN),
        scopes=("drive", "mail"),
    )
    empty = samples.EXPORTED.replace(b'"refresh_token"', b'"none"')
    assert only(parse_exported, empty).obstacle == "holds no token"
    with pytest.raises(ForeignFileError, match="brokerctl export"):
        parse_exported(samples.token_json())


def test_a_token_is_not_taken_for_googles_because_nobody_says_whose_it_is() -> None:
    nobodys = b'{"client_id": "c", "refresh_token": "of-another-issuer"}'
    for data in (nobodys, samples.EXPORTED):
        with pytest.raises(ForeignFileError, match="who renews it"):
            parse_google_auth(data)
    assert (
        only(parse_google_auth, samples.adc()).token_endpoint == GOOGLE_TOKEN_ENDPOINT
    )


def test_a_service_accounts_key_is_taken_whole() -> None:
    found = only(parse_google_auth, samples.SERVICE_ACCOUNT)
    assert found.label == "robot@project.iam.gserviceaccount.com"
    assert found.obstacle is None
    assert found.credentials == Secret(samples.SERVICE_ACCOUNT.decode())
    assert found.is_plain


def test_a_workloads_configuration_is_taken_and_is_no_secret() -> None:
    found = only(parse_google_auth, b'{"type": "external_account", "audience": "a"}')
    assert found.credentials is not None
    assert (found.is_plain, found.is_readable) == (False, True)


def test_an_impersonated_account_says_whom_and_as_whom() -> None:
    found = only(parse_google_auth, samples.IMPERSONATED)
    assert (found.becomes, found.label) == (samples.TARGET, samples.TARGET)
    assert found.refresh_token == Secret(samples.TOKEN)
    assert found.delegates == ("d@project.iam.gserviceaccount.com",)


@pytest.mark.parametrize(
    "data",
    [
        b'{"type": "impersonated_service_account"}',
        b'{"type": "impersonated_service_account", "source_credentials": {}}',
        samples.IMPERSONATED.replace(b":generateAccessToken", b":signBlob"),
        samples.IMPERSONATED.replace(b'"authorized_user"', b'"surprise"'),
        samples.IMPERSONATED.replace(
            b'"authorized_user"', b'"impersonated_service_account"'
        ),
        b'{"type": ["service_account"]}',
        b'{"type": {}}',
    ],
)
def test_what_impersonates_nobody_is_refused(data: bytes) -> None:
    with pytest.raises(ForeignFileError):
        parse_google_auth(data)


def test_a_workforce_sign_in_is_told_and_left() -> None:
    data = b'{"type": "external_account_authorized_user"}'
    assert only(parse_google_auth, data).obstacle is not None


def test_a_type_that_google_auth_does_not_have_is_refused() -> None:
    with pytest.raises(ForeignFileError, match="of a type"):
        parse_google_auth(b'{"type": "authorized_user_2"}')


def test_gclouds_database_has_an_account_a_row() -> None:
    data = samples.credentials_db("bob@example.com#other.universe", "alice@example.com")
    assert [found.label for found in parse_gcloud_database(data)] == [
        "alice@example.com",
        "bob@example.com",
    ]


def test_oauth2l_says_scopes_and_client() -> None:
    found = only(parse_oauth2l, samples.oauth2l())
    assert found.scopes == ("drive", "mail")
    assert found.client_id == "cid"
    assert found.client_secret == Secret(samples.SECRET)
    assert parse_oauth2l(b"") == ()


def test_oauth2ls_access_token_alone_is_told_and_left() -> None:
    data = json.dumps({'{"Scope": "drive"}': {"access_token": "at"}}).encode()
    found = only(parse_oauth2l, data)
    assert found.is_plain
    assert found.obstacle == "is an access token that cannot be renewed"


def test_oidc_agents_account_is_opened_with_its_password_alone() -> None:
    sealed = only(parse_oidc_agent, samples.OIDC_AGENT)
    assert (sealed.is_sealed, sealed.is_plain) == (True, False)
    found = only(parse_oidc_agent, samples.OIDC_AGENT, "pw")
    assert found.label == "acc"
    assert found.client_id == "native-client"
    assert found.scopes == ("openid", "offline_access")
    with pytest.raises(WrongPasswordError):
        only(parse_oidc_agent, samples.OIDC_AGENT, "pq")


def test_a_flipped_bit_breaks_the_seal_of_oidc_agent() -> None:
    lines = samples.OIDC_AGENT.split(b"\n")
    lines[4] = b"A" + lines[4][1:]
    with pytest.raises(ForeignFileError, match="damaged"):
        only(parse_oidc_agent, b"\n".join(lines), "pw")


@pytest.mark.parametrize("memory", [2**33, 0])
def test_a_file_that_wants_all_the_memory_is_refused(memory: int) -> None:
    greedy = samples.OIDC_AGENT.replace(b":67108864:", b":%d:" % memory)
    with pytest.raises(ForeignFileError, match="more memory"):
        only(parse_oidc_agent, greedy, "pw")


def test_pizauths_dump_says_endpoint_client_and_scopes() -> None:
    found = only(parse_pizauth, samples.pizauth())
    assert found.label == "work mail"
    assert found.token_endpoint == "https://issuer.example/token"
    assert (found.client_id, found.scopes) == ("cid", ("imap", "smtp"))
    assert only(parse_pizauth, samples.pizauth(refresh_token=None)).obstacle


def test_a_dump_of_another_version_is_refused() -> None:
    with pytest.raises(ForeignFileError, match="version 2"):
        parse_pizauth(samples.pizauth(version=2))


@pytest.mark.parametrize("rounds", ["0", "-1", "10000001", "1" * 40])
def test_the_mail_proxys_rounds_are_bounded(rounds: str) -> None:
    data = samples.email_proxy("a@b.example").replace(
        b"token_iterations = 1000", f"token_iterations = {rounds}".encode()
    )
    with pytest.raises(ForeignFileError, match="more rounds"):
        parse_email_proxy(data, Secret(samples.PASSWORD))


def test_gh_keeps_a_token_that_is_all_there_is() -> None:
    found = only(parse_gh, samples.GH)
    assert (found.label, found.issuer) == ("alice@github.com", "github")
    assert found.access_token == Secret("gho_abcdef")
    assert found.lines == (3, 5)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"github.com:\n    user: alice\n", "keyring"),
        (b"github.com:\n    oauth_token: ghp_made\n    user: a\n", "by hand"),
        (b"ghe.example:\n    oauth_token: gho_x\n    user: a\n", "Enterprise"),
    ],
)
def test_what_gh_has_and_cannot_be_taken_over_is_told(data: bytes, why: str) -> None:
    assert why in (only(parse_gh, data).obstacle or "")


def test_glab_says_the_host_and_its_own_client() -> None:
    found = only(parse_glab, samples.GLAB)
    assert (found.label, found.issuer) == ("alice@gitlab.com", "https://gitlab.com")
    assert found.client_id is not None
    assert found.client_id.startswith("41d48f")
    assert found.refresh_token == Secret(samples.TOKEN)
    assert found.lines == (5, 8)


def test_a_token_of_glabs_that_was_made_by_hand_is_left() -> None:
    data = b"hosts:\n  gitlab.com:\n    token: glpat-x\n"
    assert "by hand" in (only(parse_glab, data).obstacle or "")


def test_mcp_remotes_client_lies_beside_its_tokens() -> None:
    found = only(parse_mcp_tokens, samples.MCP_TOKENS)
    assert found.client_id is None
    known = with_mcp_client(found, samples.MCP_CLIENT)
    assert known.client_id == "cid"
    assert known.client_secret == Secret(samples.SECRET)


@pytest.mark.parametrize("rounds", [1000, 100_000])
def test_the_mail_proxy_is_opened_with_the_mailboxs_password(rounds: int) -> None:
    data = samples.email_proxy("a@example.com", rounds=rounds)
    sealed = only(parse_email_proxy, data)
    assert (sealed.is_sealed, sealed.is_plain) == (True, False)
    found = only(parse_email_proxy, data, samples.PASSWORD)
    assert found.refresh_token == Secret(samples.TOKEN)
    assert found.scopes == ("imap", "smtp")
    assert found.token_endpoint == "https://issuer.example/token"


def test_the_mail_proxys_other_mailboxes_stay_sealed() -> None:
    data = samples.email_proxy("a@example.com")
    other = samples.email_proxy("b@example.com").replace(
        b"token_salt = AAAA", b"token_salt = BBBB"
    )
    a, b = parse_email_proxy(data + other, Secret(samples.PASSWORD))
    assert (a.is_plain, b.is_sealed) == (True, True)


def test_a_password_that_opens_no_mailbox_is_told() -> None:
    with pytest.raises(WrongPasswordError):
        only(parse_email_proxy, samples.email_proxy("a@example.com"), "no")


def test_rclones_remote_says_scopes_in_short() -> None:
    found = only(parse_rclone, samples.RCLONE)
    assert (found.label, found.issuer, found.client_id) == ("gd", "google", "cid")
    assert found.scopes == ("https://www.googleapis.com/auth/drive.readonly",)
    assert found.lines == (5,)


def test_an_encrypted_rclone_conf_is_told() -> None:
    data = b"# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nAAAA\n"
    found = only(parse_rclone, data)
    assert found.is_sealed
    assert "encrypted as a whole" in (found.obstacle or "")


def test_mutts_file_says_the_issuer_and_mostly_no_client() -> None:
    found = only(parse_mutt, samples.MUTT)
    assert (found.label, found.issuer) == ("alice@example.com", "google")
    assert found.client_id is None


@pytest.mark.parametrize("data", [b"-----BEGIN PGP MESSAGE-----\n", b"\x85\x01\x0c"])
def test_a_file_for_gpg_is_told(data: bytes) -> None:
    assert "gpg" in (only(parse_mutt, data).obstacle or "")
