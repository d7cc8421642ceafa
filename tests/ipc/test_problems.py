"""What each error says to a person: the one table of advice."""

import json
import shlex
import string

import pytest

from broker.ipc.problems import (
    ADVICE,
    OTHERWISE,
    headers_of,
    plain_problem,
    problem,
)
from broker.model.errors import (
    AccountBusyError,
    AccountNeededError,
    BrokerError,
    IssuerMalformedError,
    IssuerOverloadedError,
    IssuerUnreachableError,
    LoginRefusedError,
    LoginTimedOutError,
    ScopeNotGrantedError,
    WrongPassphraseError,
)
from brokerd_client.errors import BrokerError as ClientError
from brokerd_client.errors import error_from_problem
from brokerd_client.exit_codes import EXIT_CODES

KINDS = BrokerError.__subclasses__()

# The contract, as clients rely on it.
STATUS = {
    400: "bad_request paste_refused way_refused account_needed client_secrets_invalid "
    "sign_in_incomplete backup_invalid issuer_needed client_document_invalid "
    "audience_refused credential_file_invalid",
    403: "not_permitted scope_not_granted scope_refused device_scope_refused "
    "not_narrowed policy_refused wrong_passphrase resource_not_granted "
    "delegation_refused impersonation_refused",
    404: "unknown_account no_accounts unknown_login unknown_socket not_found "
    "unknown_question unknown_consent",
    405: "method_not_allowed",
    409: "login_required reauthentication_required login_refused login_timed_out "
    "device_code_expired another_person issuer_moved login_failed port_in_use "
    "dpop_unsupported no_id_token store_exists account_exists import_refused "
    "not_exportable key_source_unavailable key_slot_refused grant_changed "
    "consent_pending socket_exists socket_unusable",
    413: "too_large",
    423: "locked",
    429: "too_many_requests",
    500: "internal_error store_corrupt",
    502: "issuer_unreachable issuer_malformed issuer_invalid issuer_mismatch "
    "client_rejected refresh_refused not_revoked registration_refused "
    "resource_invalid credential_refused clock_wrong workload_token_missing",
    503: "issuer_overloaded account_busy stopping too_many_listeners",
    507: "store_failed",
}
CONTRACT = {code: status for status, codes in STATUS.items() for code in codes.split()}

# At the start only: they reach a person through `brokerctl`, never the wire.
AT_THE_START = {"directory_unsafe", "already_running", "config_invalid"}


PUT_TOGETHER = {"said", "holder", "widening", "remake", "all"}
"""Words of a sentence that are made of several facts."""


def an_error(kind: type[BrokerError]) -> BrokerError:
    """An error with a fact of the right type in every field."""
    facts: dict[str, object] = {}
    for name in kind.names:
        text = str(kind.__annotations__[name])
        if "tuple" in text:
            facts[name] = ("one", "two")
        elif "int" in text:
            facts[name] = 7
        elif text in {"bool", "<class 'bool'>"}:
            facts[name] = False
        else:
            facts[name] = f"<{name}>"
    return kind(**facts)


def test_the_table_is_the_contract() -> None:
    assert {code: row.status for code, row in ADVICE.items()} == {
        **CONTRACT,
        **{code: ADVICE[code].status for code in AT_THE_START},
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_error_has_its_advice_and_tells_its_facts(
    kind: type[BrokerError],
) -> None:
    error = an_error(kind)
    document = problem(error)
    row = ADVICE[kind.code]
    assert document["type"] == f"urn:brokerd:problem:{kind.code}"
    # As the client library builds the same document.
    assert document["title"] == ClientError(kind.code, "").problem()["title"]
    assert document["code"] == kind.code
    assert document["status"] == row.status
    for name, value in error.facts().items():
        assert document[name] == (list(value) if isinstance(value, tuple) else value)
    named = {
        name
        for text in (row.sentence, row.hint)
        for _, name, _, _ in string.Formatter().parse(text)
        if name
    }
    assert named <= error.facts().keys() | PUT_TOGETHER
    said = f"{document['detail']} {document['hint']}"
    assert not set("{}") & set(said)
    assert json.loads(json.dumps(document)) == document


@pytest.mark.parametrize("code", ADVICE)
def test_a_sentence_and_a_hint_read_as_such(code: str) -> None:
    row = ADVICE[code]
    for text in (row.sentence, row.hint):
        assert text
        assert text == text.strip()
        assert "\n" not in text
        assert not text.endswith(".")
        assert text[0].islower() or text[0] in "`{G"


def test_every_code_has_an_exit_code_of_its_own_or_is_the_clients_fault() -> None:
    of_http = {"not_found", "method_not_allowed", "too_large"}
    of_a_login_that_is_gone = {"unknown_login", "grant_changed"}
    assert ADVICE.keys() - of_http - of_a_login_that_is_gone <= EXIT_CODES.keys()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_a_client_reads_a_problem_back(kind: type[BrokerError]) -> None:
    document = problem(an_error(kind))
    read = error_from_problem(document, ADVICE[kind.code].status)
    assert read.code == kind.code
    assert read.detail == document["detail"]
    assert read.hint == document["hint"]
    assert read.facts.keys() == an_error(kind).facts().keys()


@pytest.mark.parametrize("code", ["not_found", "method_not_allowed", "too_large"])
def test_a_problem_without_facts_is_whole(code: str) -> None:
    document = plain_problem(code)
    assert document.keys() == {"type", "title", "status", "code", "detail", "hint"}


def test_lists_are_read_out_and_an_empty_one_says_so() -> None:
    error = ScopeNotGrantedError(account="work", missing=("a", "b"), wanted=("a", "b"))
    missing = problem(error)
    assert missing["detail"] == "'work' was not granted: a, b"
    assert missing["missing"] == ["a", "b"]
    assert "work" in str(problem(AccountNeededError(accounts=("work",)))["hint"])


def test_the_command_that_extends_a_grant_is_whole_and_safe_in_a_shell() -> None:
    wanted = ("openid", "$(reboot)", "it's")
    error = ScopeNotGrantedError(account="work", missing=wanted[1:], wanted=wanted)
    _, command, _ = str(problem(error)["hint"]).split("`")
    words = ["brokerctl", "login", "work", "--add-scope", "$(reboot) it's"]
    assert shlex.split(command) == words


@pytest.mark.parametrize(("code", "case"), OTHERWISE)
def test_where_nobody_can_sign_in_nobody_is_told_to(code: str, case: str) -> None:
    (kind,) = (kind for kind in KINDS if kind.code == code)
    usual, other = (
        problem(an_error(kind)),
        problem(an_error(kind).again(**{case: True})),
    )
    assert other["hint"] != usual["hint"]
    assert ("brokerctl login" in str(other["hint"])) == (case == "is_gone")
    assert case not in other
    assert not set("{}.") & set(str(other["hint"]).replace("...", ""))


def test_the_scopes_that_an_account_is_made_anew_with_are_safe_in_a_shell() -> None:
    wanted = ("files:read", "$(reboot)")
    error = ScopeNotGrantedError(
        account="robot", missing=wanted[1:], wanted=wanted, unattended=True
    )
    hint = str(problem(error)["hint"])
    assert "--scope 'files:read $(reboot)' and --replace" in hint


def test_a_time_out_names_what_the_issuer_shows_only_in_the_browser() -> None:
    told = problem(
        LoginTimedOutError(account="a", seconds=5, browser_errors=("org_internal",))
    )
    assert "(such as org_internal)" in str(told["hint"])
    bare = problem(LoginTimedOutError(account="a", seconds=5))
    assert "(such as" not in str(bare["hint"])


def test_a_missing_description_leaves_no_space_behind() -> None:
    told = problem(LoginRefusedError(account="a", error="denied", description=""))
    assert told["detail"] == "the sign-in of 'a' was refused: denied"


def test_braces_in_a_fact_are_just_text() -> None:
    told = problem(
        LoginRefusedError(account="{x}", error="{0}", description="{error.__class__}")
    )
    assert "{0}: {error.__class__}" in str(told["detail"])


def test_a_fact_cannot_take_the_place_of_a_member_of_the_document() -> None:
    names = {field for kind in KINDS for field in an_error(kind).facts()}
    assert not names & {"type", "title", "status", "code", "detail", "hint"}


def test_an_issuer_that_is_asked_again_later_says_when() -> None:
    later = IssuerOverloadedError(issuer="x", retry_after=30)
    assert headers_of(later) == {"Retry-After": "30"}
    assert headers_of(IssuerOverloadedError(issuer="x", retry_after=0)) == {
        "Retry-After": "0"
    }
    assert headers_of(IssuerOverloadedError(issuer="x")) == {}
    for kind in (IssuerUnreachableError, IssuerMalformedError):
        assert headers_of(kind(issuer="x", what="w", retry_after=9)) == {
            "Retry-After": "9"
        }
    assert headers_of(AccountBusyError(account="a", waiting=9)) == {"Retry-After": "1"}
    assert headers_of(WrongPassphraseError()) == {}
    assert "retry_after" not in problem(IssuerOverloadedError(issuer="x"))
