"""What each error says to a person, and what to do next (RFC 9457).

The one table of advice: services raise facts, this page turns them into a
sentence and a hint. Facts of the error may be named in braces.
"""

import shlex
from collections.abc import Mapping

import msgspec

from broker.model.errors import (
    AccountBusyError,
    BrokerError,
    NotNarrowedError,
    ScopeNotGrantedError,
    StoppingError,
)


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """How an error is told.

    Attributes:
        status: of HTTP.
        sentence: what happened.
        hint: what to do next.
    """

    status: int
    sentence: str
    hint: str


def _advice(status: int, sentence: str, hint: str) -> Advice:
    return Advice(status=status, sentence=sentence, hint=hint)


ADVICE: dict[str, Advice] = {
    "bad_request": _advice(
        400,
        "the request is not valid: {what}",
        "look at what was asked; `brokerctl COMMAND --help` says what there is",
    ),
    "not_found": _advice(
        404, "there is nothing at this path", "see clients/PROTOCOL.md for the paths"
    ),
    "method_not_allowed": _advice(
        405,
        "this path does not take this method",
        "see clients/PROTOCOL.md for the methods of each path",
    ),
    "too_large": _advice(
        413, "the request is too large", "a request has at most 256 KiB"
    ),
    "unknown_account": _advice(
        404,
        "there is no account {account!r}",
        "`brokerctl accounts` lists them; a new one is made by `brokerctl login "
        "{account}` with --issuer and --client-secrets",
    ),
    "account_needed": _advice(
        400,
        "no account was named, and it is not clear which is meant",
        "name one of: {accounts}; or choose one with `brokerctl default NAME`",
    ),
    "no_accounts": _advice(
        404,
        "there are no accounts yet",
        "run `brokerctl login NAME` with --issuer and --client-secrets",
    ),
    "scope_not_granted": _advice(
        403,
        "{account!r} was not granted: {missing}",
        "ask for granted scopes only, or {widening}",
    ),
    "not_narrowed": _advice(
        403,
        "{account!r} is a view, and its issuer gives no token as narrow as that: it "
        "could do {extra}, too",
        "give programs the account that it is a view of; or have it served all the "
        "same: `{remake} --allow-wider`",
    ),
    "resource_not_granted": _advice(
        403,
        "tokens of {account!r} are for {granted} and for nothing else",
        "leave the resource out, or ask for that one; for another one make an "
        "account: `brokerctl login NAME --mcp URL`, or `brokerctl add` with --resource",
    ),
    "no_id_token": _advice(
        409,
        "there is no ID token of {account!r}: {reason}",
        "sign in again with `openid`: `brokerctl login {account} --add-scope openid`; "
        "where the issuer gives none on renewal, that one lasts until it expires",
    ),
    "audience_refused": _advice(
        400,
        "the ID tokens of {account!r} are for its client {own}, not for {audience}",
        "leave the audience out; a token for another one is to be had of a Google "
        "service account, or by impersonation of one",
    ),
    "account_exists": _advice(
        409,
        "there is an account {account!r} already",
        "take another name; or end the one that is there with `brokerctl logout "
        "{account}`; one without a person is made anew with `brokerctl add --replace`",
    ),
    "import_refused": _advice(
        409,
        "this sign-in at {issuer} cannot be taken over: {what}",
        "nothing was taken over; sign in anew with `brokerctl login NAME`",
    ),
    "not_exportable": _advice(
        409,
        "{account!r} cannot be given away: {what}",
        "sign in anew in the program that is to have it",
    ),
    "account_busy": _advice(
        503,
        "{waiting} different tokens of {account!r} are being asked for already",
        "try again in a moment; ask for fewer different sets of scopes and resources",
    ),
    "not_permitted": _advice(
        403,
        "this is not permitted on this socket: {what}",
        "at the daemon's own socket `brokerctl policy test ACCOUNT` says which rule "
        "decides, and with `--socket NAME` what a restricted one is for; other users "
        "get nothing",
    ),
    "too_many_requests": _advice(
        429,
        "the socket {socket!r} gives no more tokens for now",
        "ask again in {retry_after} seconds; keep a token for as long as it lives",
    ),
    "unknown_socket": _advice(
        404,
        "there is no restricted socket {socket!r}",
        "`brokerctl socket list` lists them; `brokerctl socket add {socket} --account "
        "NAME` makes one",
    ),
    "socket_exists": _advice(
        409,
        "there is a restricted socket {socket!r} already",
        "what it is for is fixed: choose another name, or `brokerctl socket remove "
        "{socket}` first",
    ),
    "socket_unusable": _advice(
        409,
        "the socket {socket!r} cannot be made: {what}",
        "see docs/sockets.md for where a socket can lie; --path chooses another place",
    ),
    "consent_pending": _advice(
        409,
        "you were asked whether this program may have a token of {account!r}, and "
        "have not answered yet",
        "answer with `brokerctl approve`, then ask again",
    ),
    "unknown_question": _advice(
        404,
        "there is no open question {question!r}",
        "it may have been answered, or nobody did in time; `brokerctl approve` shows "
        "those that are open",
    ),
    "unknown_consent": _advice(
        404,
        "there is no remembered answer {consent!r}",
        "`brokerctl consents` lists them",
    ),
    "paste_refused": _advice(
        400,
        "what was pasted {what}",
        "the login goes on: copy the whole address from the browser's address bar, "
        "and paste it where `brokerctl login {account}` waits",
    ),
    "unknown_login": _advice(
        404,
        "there is no such login under way",
        "it may have ended long ago: begin again with `brokerctl login NAME`",
    ),
    "login_required": _advice(
        409,
        "{account!r} must sign in again: {reason}",
        "run `brokerctl login {account}`",
    ),
    "reauthentication_required": _advice(
        409,
        "the issuer wants to see you again for {account!r}: {reason}",
        "run `brokerctl login {account}`; the grant itself is kept",
    ),
    "login_refused": _advice(
        409,
        "the sign-in of {account!r} was refused: {said}",
        "nothing has changed; to try again run the same command, and where the "
        "browser asks, choose Allow",
    ),
    "login_timed_out": _advice(
        409,
        "no answer came from the browser for {account!r} in {seconds} s",
        "nothing has changed; if the browser showed an error, it is the issuer's and "
        "never reaches this program{browser_errors}; otherwise try again, with a "
        "longer --timeout if you need it",
    ),
    "another_person": _advice(
        409,
        "{found} signed in as {account!r}, which is somebody else than before",
        "nothing has changed, and what the issuer gave was thrown away; sign in as "
        "before, under another name, or with --other-person to hand the account over",
    ),
    "device_code_expired": _advice(
        409,
        "nobody entered the code for {account!r} in {seconds} s",
        "nothing has changed; for a new code run the same command",
    ),
    "device_scope_refused": _advice(
        403,
        "the issuer does not give these scopes with a device code: {said}",
        "nothing has changed; {allowed}sign in with a browser, or with `brokerctl "
        "login {account} --paste` where it is on another machine",
    ),
    "login_failed": _advice(
        409,
        "the login of {account!r} failed: {reason}",
        "nothing has changed; to try again run the same command",
    ),
    "sign_in_incomplete": _advice(
        400,
        "the sign-in of {account!r} is not complete: no {missing} is known",
        "a first login needs --issuer (a URL, or a name of `brokerctl issuers`), and "
        "--client-secrets FILE or --client-id ID where the issuer registers no clients "
        "by itself",
    ),
    "issuer_needed": _advice(
        400,
        "{resource} takes tokens of several issuers: {issuers}",
        "choose the one where you have an account: the same command, with --issuer "
        "and its URL",
    ),
    "credential_file_invalid": _advice(
        400,
        "this credential cannot be used: {what}",
        "nothing was taken over; it is the JSON that Google's console or gcloud has "
        "made (docs/google.md), or a private key as PEM or JWK (docs/unattended.md)",
    ),
    "client_document_invalid": _advice(
        400,
        "the client document {url} cannot be used: {what}",
        "`brokerctl client-metadata URL` prints what is to lie there; config.toml or "
        "--client-id names it",
    ),
    "dpop_unsupported": _advice(
        409,
        "{issuer} does not say that it binds tokens with an ES256 key (DPoP); its "
        "metadata offers: {offered}",
        "sign in without --dpop; or name the issuer again with --issuer, if it has "
        "learned it since the last login",
    ),
    "client_secrets_invalid": _advice(
        400,
        "this client_secret.json cannot be used: {what}",
        "download the JSON of an OAuth client of the type Desktop app from the "
        "issuer's console; Google: APIs & Services, Credentials",
    ),
    "way_refused": _advice(
        400,
        "{issuer} does not take the way {way!r}: {what}",
        "`brokerctl issuers` says which ways each issuer takes",
    ),
    "port_in_use": _advice(
        409,
        "port {port} of {host} is taken by another program",
        "leave --port out for a free one, or end the program that holds it",
    ),
    "locked": _advice(423, "the store is locked: {reason}", "run `brokerctl unlock`"),
    "stopping": _advice(
        503, "the daemon is ending", "ask again in a moment; brokerctl starts the next"
    ),
    "too_many_listeners": _advice(
        503,
        "{most} programs listen to events already",
        "end some of them, such as a forgotten `brokerctl watch`",
    ),
    "key_source_unavailable": _advice(
        409,
        "no key can be had from {source}: {reason}",
        "nothing was made; mend that, or choose another key source: `brokerctl doctor` "
        "names those that work here",
    ),
    "key_slot_refused": _advice(
        409,
        "key slot {slot} cannot be changed: {what}",
        "nothing has changed; `brokerctl key list` shows the slots of the store",
    ),
    "wrong_passphrase": _advice(
        403, "the passphrase does not open it", "nothing has changed; try again"
    ),
    "store_exists": _advice(
        409,
        "a store has been made already",
        "it is never overwritten; --set-aside renames it once `brokerctl lock` has "
        "closed it; where a backup takes its place it may be open",
    ),
    "backup_invalid": _advice(
        400,
        "this is not a backup that can be restored: {what}",
        "nothing has changed; look for another file that `brokerctl backup` has made",
    ),
    "store_corrupt": _advice(
        500,
        "the store {path} cannot be read: {what}",
        "nothing was changed; `brokerctl restore FILE --set-aside` puts a backup in "
        "its place, `brokerctl init --set-aside` a new store; either renames this one",
    ),
    "store_failed": _advice(
        507,
        "the store could not be written: {what}",
        "see to the disk of the state folder (space, permissions), then try again",
    ),
    "directory_unsafe": _advice(
        500,
        "{path} cannot be used for what is yours alone: {what}",
        "name a folder of your own, mode 0700 or not there yet, with "
        "BROKERD_STATE_DIR or BROKERD_RUNTIME_DIR",
    ),
    "already_running": _advice(
        409,
        "brokerd is already running{holder}",
        "`brokerctl status` shows it and `brokerctl stop` ends it; where it listens "
        "elsewhere, name its socket with BROKERD_SOCKET",
    ),
    "config_invalid": _advice(
        500,
        "{path} cannot be used: {what}",
        "mend it where it is set (docs/configuration.md has every key); a shorter "
        "folder for the socket is named with BROKERD_RUNTIME_DIR",
    ),
    "issuer_unreachable": _advice(
        502,
        "{issuer} cannot be reached: {what}",
        "nothing was lost; look at the network and the address; `brokerctl status` "
        "says when it is tried again",
    ),
    "issuer_overloaded": _advice(
        503,
        "{issuer} asks for patience",
        "nothing was lost; `brokerctl status` says when it is tried again",
    ),
    "issuer_malformed": _advice(
        502,
        "{issuer} gave an answer that is not OAuth: {what}",
        "nothing was lost; a captive portal or a proxy may stand in between: try "
        "again in a browser, then here",
    ),
    "issuer_invalid": _advice(
        502,
        "{issuer} cannot be used as an issuer: {what}",
        "check the issuer URL, which is https, and plain http only on this machine; "
        "`brokerctl issuers` lists those that have a name",
    ),
    "issuer_moved": _advice(
        409,
        "{issuer} wants its answers from other hosts than before: {hosts}",
        "nothing has changed and nobody was asked; where the issuer has announced it, "
        "say the same command with --accept-issuer",
    ),
    "issuer_mismatch": _advice(
        502,
        "the metadata of {issuer} belongs to another issuer: {found}",
        "give --issuer exactly as the metadata says it, if you trust that one",
    ),
    "registration_refused": _advice(
        502,
        "{issuer} registers no client for the broker: {said}",
        "register one there by hand, and name it with --client-id or --client-secrets; "
        "where it dislikes the redirect URI, name another with --redirect-uri",
    ),
    "resource_invalid": _advice(
        502,
        "{resource} does not say how to sign in to it: {what}",
        "check the URL, which is that of the MCP server itself; where you know its "
        "issuer, name it with --issuer",
    ),
    "client_rejected": _advice(
        502,
        "{issuer} does not accept the client: {said}",
        "no grant was lost; check the client at the issuer: `brokerctl status` says "
        "when it is tried again; with another client sign in again (--client-secrets "
        "or --client-id); an account without a person is made anew with `brokerctl add "
        "--replace`",
    ),
    "credential_refused": _advice(
        502,
        "{issuer} gives {account!r} no token for what it was shown: {said}",
        "nothing has changed here; see at the issuer that client and key are the ones "
        "it knows; to make the account anew: `brokerctl add {account} --replace ...`",
    ),
    "clock_wrong": _advice(
        502,
        "{issuer} does not take what this machine signs, for its clock is wrong: "
        "{description}",
        "nothing was lost; set the clock, or have it kept (`timedatectl "
        "set-ntp true`), then try again",
    ),
    "delegation_refused": _advice(
        403,
        "{account!r} may not ask for tokens in the name of {subject}: {description}",
        "in the Workspace's Admin console, under Security, API controls, Domain-wide "
        "delegation, an administrator lets client {client_id} have exactly these "
        "scopes",
    ),
    "impersonation_refused": _advice(
        403,
        "{account!r} may not become {email}: {said}",
        "give it the role roles/iam.serviceAccountTokenCreator on {email}, and enable "
        "the IAM Service Account Credentials API (a few minutes until it is known); "
        "what it begins with needs the scope cloud-platform; where an argument is "
        "invalid, look at --scope and --lifetime (more than an hour is for the "
        "organisation to allow)",
    ),
    "workload_token_missing": _advice(
        502,
        "the workload of {account!r} has no token to show from {where}: {what}",
        "nothing was lost; see that its platform provides it there",
    ),
    "scope_refused": _advice(
        403,
        "the issuer does not give these scopes for {account!r}: {said}",
        "the grant is kept; ask for other scopes or none, or sign in again with "
        "them: `brokerctl login {account} --scope SCOPE ...`",
    ),
    "policy_refused": _advice(
        403,
        "a rule at {issuer} forbids a token for {account!r}: {said}",
        "nothing was lost; ask whoever administers the issuer, or see in the browser "
        "what it says: `brokerctl login {account}`",
    ),
    "not_revoked": _advice(
        502,
        "{issuer} did not revoke the grant of {account!r}: {what}",
        "nothing has changed here; without --require-revoked you are signed out at "
        "once, and it is revoked as soon as that can be done",
    ),
    "refresh_refused": _advice(
        502,
        "the issuer refused a token for {account!r}: {said}",
        "the grant is kept; ask for other scopes or none, or sign in again with "
        "`brokerctl login {account}`",
    ),
    "grant_changed": _advice(409, "{account!r} changed meanwhile", "ask again"),
    "internal_error": _advice(
        500,
        "brokerd made a mistake",
        "its log has the details; please report them",
    ),
}


OTHERWISE: dict[tuple[str, str], str] = {
    (
        "credential_file_invalid",
        "stays",
    ): "nothing was lost; mend the file, it is read "
    "anew once it has changed; or name another with `brokerctl add ... --replace`",
    ("scope_not_granted", "unattended"): "ask for granted scopes only; or make it anew "
    "with all of them: its own `brokerctl add {account} ...`, with --scope {all} and "
    "--replace",
    ("no_id_token", "unattended"): "ID tokens are of people who have signed in, and of "
    "Google's service accounts; what accepts none of those may take the access token",
    ("login_required", "is_gone"): "make it again: `brokerctl login {account}` where "
    "you had signed in, and `brokerctl add {account}` where it was without a person",
    ("policy_refused", "unattended"): "nothing was lost; ask whoever administers the "
    "issuer",
    (
        "scope_refused",
        "unattended",
    ): "nothing has changed here; ask for other scopes, or "
    "have these allowed at the issuer",
}
"""What to do instead, by the code and by what is so of the error."""


def problem(error: BrokerError) -> dict[str, object]:
    """The problem document of an error.

    Returns:
        {"type", "title", "status", "code", "detail", "hint"} and the error's facts.
    """
    advice = ADVICE[error.code]
    facts = error.facts()
    words = {name: _words(name, value) for name, value in facts.items()}
    words["said"] = _said(facts)
    words["widening"] = _widening(error)
    words["remake"] = _remake(error)
    words["holder"] = _holder(facts)
    words["all"] = _all_scopes(error)
    return {
        **{name: _wire(value) for name, value in facts.items() if value is not None},
        **_document(error.code, advice),
        "detail": advice.sentence.format(**words).strip(),
        "hint": _hint(error, advice).format(**words),
    }


def plain_problem(code: str) -> dict[str, object]:
    """The problem document of an error without facts, such as 'not_found'."""
    advice = ADVICE[code]
    return {
        **_document(code, advice),
        "detail": advice.sentence,
        "hint": advice.hint,
    }


def headers_of(error: BrokerError) -> dict[str, str]:
    """What else the answer says: `Retry-After` in seconds (RFC 9110 section 10.2.3)."""
    if isinstance(error, AccountBusyError | StoppingError):
        return {"Retry-After": "1"}
    seconds = error.facts().get("retry_after")
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _document(code: str, advice: Advice) -> dict[str, object]:
    return {
        "type": f"urn:brokerd:problem:{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": advice.status,
        "code": code,
    }


def _hint(error: BrokerError, advice: Advice) -> str:
    cases = (name for name in error.inside if getattr(error, name) is True)
    found = (OTHERWISE.get((error.code, name)) for name in cases)
    return next(filter(None, found), advice.hint)


def _all_scopes(error: BrokerError) -> str:
    """What an account would need to have, as it is typed."""
    if not isinstance(error, ScopeNotGrantedError):
        return ""
    return shlex.quote(" ".join(error.wanted))


def _wire(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _words(name: str, value: object) -> object:
    if name == "browser_errors" and isinstance(value, tuple):
        return f" (such as {', '.join(value)})" if value else ""
    if name == "allowed" and isinstance(value, tuple):
        return f"it gives {', '.join(value)} so; for others, " if value else ""
    if isinstance(value, tuple):
        return ", ".join(value) or "nothing"
    return value


def _widening(error: BrokerError) -> str:
    """What gives an account the scopes that it lacks.

    A peer has named them, in nearly any character.
    """
    if not isinstance(error, ScopeNotGrantedError):
        return ""
    if error.made_with:
        return f"make the view anew, wider: `{_remake(error)}`"
    added = shlex.quote(" ".join(error.missing))
    login = f"`brokerctl login {error.account} --add-scope {added}`"
    return f"sign in again with these, too: {login}"


def _remake(error: BrokerError) -> str:
    """The command that makes a view anew, as it should have been."""
    if not isinstance(error, ScopeNotGrantedError | NotNarrowedError):
        return ""
    words = ("add", error.account, *error.made_with, "--scope", " ".join(error.wanted))
    return shlex.join(("brokerctl", *words, "--replace"))


def _holder(facts: Mapping[str, object]) -> str:
    """Which daemon runs already, as far as it is known."""
    if facts.get("pid") is None:
        return f": something holds {facts.get('path')}"
    return f": pid {facts['pid']}, listening at {facts.get('socket')}"


def _said(facts: Mapping[str, object]) -> str:
    """An issuer's `error` and, where it gave one, its `error_description`."""
    error, description = facts.get("error", ""), facts.get("description")
    return f"{error}: {description}" if description else str(error)
