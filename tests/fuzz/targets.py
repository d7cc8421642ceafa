"""Every parser of bytes that strangers choose: what it takes, and how it may refuse.

A target is a function of bytes. It returns, or raises one of its own errors; anything
else that it does is a find. None knows a network, a clock or a file.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from broker.config import parse_config
from broker.control.foreign.email_proxy import parse_email_proxy
from broker.control.foreign.exported import parse_exported
from broker.control.foreign.forges import parse_gh, parse_glab
from broker.control.foreign.found import ForeignFileError, Parser
from broker.control.foreign.gcloud import parse_boto, parse_gcloud_database
from broker.control.foreign.google_auth import parse_google_auth
from broker.control.foreign.mcp_remote import parse_mcp_tokens
from broker.control.foreign.mutt import parse_mutt
from broker.control.foreign.oauth2l import parse_oauth2l
from broker.control.foreign.pickled import read_pickle
from broker.control.foreign.rclone import parse_rclone
from broker.control.log import is_wanted, line_words
from broker.host.proc_texts import (
    flatpak_of,
    parse_stat,
    script_of,
    snap_of_label,
    snap_of_unit,
    unit_of,
)
from broker.ipc.adding_wire import parse_wanted
from broker.ipc.consent_wire import AnswerBody, answer_given
from broker.ipc.front_request import UnusualError, parse_asked
from broker.ipc.id_token_wire import IdTokenBody, id_token_wanted
from broker.ipc.login_wire import LoginBody, ResponseBody
from broker.ipc.moving_wire import ForeignBody, foreign_grant
from broker.ipc.policy_wire import PolicyBody, policy_wanted
from broker.ipc.proof_wire import ProofBody, proof_wanted
from broker.ipc.socket_wire import SocketBody, restriction
from broker.ipc.wire import Request, TokenBody, parse_body, token_wanted
from broker.model.account import AccountName
from broker.model.audit_unsealed import unsealed_body
from broker.model.errors import BrokerError
from broker.model.http import HttpResponse
from broker.model.issuer import Issuer
from broker.model.secret import Secret, SecretBytes
from broker.model.strict_json import parse_json
from broker.model.text import safe_text
from broker.model.time import UnixTime
from broker.oauth.challenge import parse_challenges
from broker.oauth.client_secrets import parse_client_secrets
from broker.oauth.device import parse_device_authorization
from broker.oauth.http_date import parse_http_date
from broker.oauth.id_token import parse_id_token
from broker.oauth.metadata import parse_metadata
from broker.oauth.oob import parse_title
from broker.oauth.pasted import parse_pasted
from broker.oauth.private_keys import parse_private_key
from broker.oauth.protected_resource import parse_protected_resource
from broker.oauth.pushed import parse_pushed
from broker.oauth.registration import parse_registration
from broker.oauth.revocation import parse_revocation
from broker.oauth.token import parse_token_response
from broker.oauth.token_request import parse_resource
from broker.store.audit_chain import (
    BEGIN,
    End,
    chained,
    end_of,
    own_body,
    parse_line,
    parse_own,
)
from broker.store.records import (
    RecordError,
    grant_record,
    parse_grant,
    parse_head,
    parse_setting,
)
from tests.control.foreign import samples
from tests.oauth.keys import ed25519, p256, pem
from tests.services.world import a_grant

URL = "https://issuer.example"
ISSUER = Issuer(
    url=URL,
    authorization_endpoint=f"{URL}/authorize",
    token_endpoint=f"{URL}/token",
)
REDIRECT = "http://127.0.0.1:4711/x"


@dataclass(frozen=True, slots=True)
class Target:
    """A parser.

    Attributes:
        take: the parser.
        seeds: what it takes gladly, to begin from.
        refusals: how it may refuse.
    """

    take: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    refusals: tuple[type[Exception], ...] = (BrokerError,)

    def __call__(self, data: bytes) -> None:
        """Take `data`; whatever else happens than it should is let out."""
        try:
            self.take(data)
        except self.refusals as exc:
            str(exc)  # is shown to people, and must be able to be


def _text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


def _answer(parse: Callable[[HttpResponse], object]) -> Callable[[bytes], object]:
    """Of an issuer: the first byte chooses the status, the rest is the body."""
    statuses = (200, 201, 400, 401, 403, 429, 500, 503)

    def take(data: bytes) -> object:
        status = statuses[data[0] % len(statuses)] if data else 200
        headers = {"content-type": "application/json", "retry-after": "7"}
        return parse(HttpResponse(status=status, headers=headers, body=data[1:]))

    return take


def _body(
    kind: type[Request], mean: Callable[..., object]
) -> Callable[[bytes], object]:
    return lambda data: mean(parse_body(data, kind))


def _json(**members: object) -> bytes:
    return json.dumps(members).encode()


def _as_it_is(value: object) -> object:
    return value


def _id_token(data: bytes) -> object:
    return parse_id_token(
        Secret(data.decode("utf-8", "surrogateescape")),
        issuer=ISSUER,
        client_id="c",
        nonce=None,
        access_token=None,
        now=UnixTime(1_800_000_000),
    )


def _private_key(data: bytes) -> object:
    # Whoever sends it has sent text.
    text = Secret(data.decode("utf-8", "replace"))
    return parse_private_key(text, passphrase=Secret("sesame"))


def _foreign(parse: Parser) -> Callable[[bytes], object]:
    return lambda data: parse(data, None)


def _audit_line(data: bytes) -> object:
    line = parse_line(data)
    return None if line is None else (parse_own(line), end_of(_KEY, [data, data]))


def _audit_shown(data: bytes) -> object:
    try:
        line = parse_json(data)
    except ValueError:
        return None
    if not isinstance(line, dict):
        return None
    shown = line_words(line)
    assert shown.isprintable()
    return is_wanted(line, after=1.0, account="work", socket="ci")


def _unit(text: str) -> object:
    unit = unit_of(text)
    return flatpak_of(unit), snap_of_unit(unit), snap_of_label(text)


_KEY = SecretBytes(bytes(32))
_LINE = chained(_KEY, End(), own_body(BEGIN, 1.0, after="00" * 32, key="00"))[0][:-1]
_FOREIGN = (ForeignFileError,)
_RECORD = (RecordError,)
_HEAD = (
    b"POST /v1/token HTTP/1.1\r\nHost: broker\r\nAccept: text/plain\r\n"
    b"Content-Length: %d\r\n\r\n%s"
)
_TOKEN = _json(account="work", scopes=["a"], min_ttl=300, rejected="0" * 64)
_JWT = (
    b"eyJhbGciOiJSUzI1NiJ9."
    b"eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiMSIsImF1ZCI6ImMiLCJleHAiOjE5"
    b"MDAwMDAwMDAsImlhdCI6MTgwMDAwMDAwMH0.c2ln"
)
_GRANTED = _json(
    access_token="a", token_type="Bearer", expires_in=3600, refresh_token="r", scope="s"
)
_METADATA = _json(
    issuer=URL,
    authorization_endpoint=f"{URL}/authorize",
    token_endpoint=f"{URL}/token",
    code_challenge_methods_supported=["S256"],
)

TARGETS: Mapping[str, Target] = {
    "front": Target(parse_asked, (_HEAD % (len(_TOKEN), _TOKEN),), (UnusualError,)),
    "token-body": Target(_body(TokenBody, token_wanted), (_TOKEN,)),
    "proof-body": Target(
        _body(ProofBody, proof_wanted),
        (_json(method="GET", url=URL, access_token_sha256="0" * 64),),
    ),
    "policy-body": Target(
        _body(PolicyBody, policy_wanted),
        (_json(rules=[{"verdict": "ask", "peer": {"unit": "x"}}], default="deny"),),
    ),
    "socket-body": Target(
        _body(SocketBody, partial(restriction, runner=None)),
        (_json(name="ci", accounts=["work"]),),
    ),
    "answer-body": Target(_body(AnswerBody, answer_given), (_json(answer="once"),)),
    "id-token-body": Target(
        _body(IdTokenBody, id_token_wanted), (_json(account="work", min_ttl=60),)
    ),
    "login-body": Target(
        _body(LoginBody, _as_it_is), (_json(account="work", issuer=URL),)
    ),
    "response-body": Target(_body(ResponseBody, _as_it_is), (_json(pasted="x"),)),
    "foreign-body": Target(
        _body(ForeignBody, foreign_grant),
        (_json(account="work", issuer=URL, client_id="c", refresh_token="r"),),
    ),
    "adding-body": Target(
        partial(parse_wanted, AccountName("robot")),
        (
            _json(
                kind="client_credentials", issuer=URL, client_id="c", client_secret="s"
            ),
        ),
    ),
    "private-key": Target(
        _private_key,
        (
            pem(p256()).encode(),
            pem(ed25519(), "sesame").encode(),
            _json(**p256().as_dict(private=True)),
            _json(keys=[ed25519().as_dict(private=True)]),
        ),
    ),
    "token-answer": Target(
        _answer(partial(parse_token_response, issuer=URL)),
        (b"\0" + _GRANTED, b"\2" + _json(error="invalid_grant")),
    ),
    "device-answer": Target(
        _answer(partial(parse_device_authorization, issuer=URL)),
        (
            b"\0"
            + _json(
                device_code="d", user_code="W", verification_uri=URL, expires_in=1800
            ),
        ),
    ),
    "pushed-answer": Target(
        _answer(partial(parse_pushed, issuer=URL)),
        (b"\1" + _json(request_uri="urn:x", expires_in=60),),
    ),
    "registration-answer": Target(
        _answer(partial(parse_registration, issuer=ISSUER, uris=[REDIRECT])),
        (b"\1" + _json(client_id="c", redirect_uris=[REDIRECT]),),
    ),
    "revocation-answer": Target(_answer(parse_revocation), (b"\0", b"\2{}")),
    "metadata": Target(partial(parse_metadata, issuer=URL), (_METADATA,)),
    "protected-resource": Target(
        partial(parse_protected_resource, resource=f"{URL}/mcp"),
        (_json(resource=f"{URL}/mcp", authorization_servers=[URL]),),
    ),
    "challenges": Target(
        _text(parse_challenges),
        (b'Bearer realm="x", error="invalid_token", DPoP algs="ES256"',),
    ),
    "http-date": Target(_text(parse_http_date), (b"Sun, 06 Nov 1994 08:49:37 GMT",)),
    "id-token": Target(_id_token, (_JWT,)),
    "pasted": Target(
        _text(partial(parse_pasted, redirect_uri=REDIRECT)),
        (b"http://127.0.0.1:4711/x?code=c&state=s&iss=https%3A%2F%2Fissuer.example",),
    ),
    "title": Target(_text(parse_title), (b"Success code=4/abc",)),
    "resource": Target(_text(parse_resource), (b"https://api.example/a?b",)),
    "client-secrets": Target(
        _text(parse_client_secrets),
        (
            _json(
                installed={
                    "client_id": "c",
                    "client_secret": "s",
                    "auth_uri": f"{URL}/a",
                    "token_uri": f"{URL}/t",
                }
            ),
        ),
    ),
    "config": Target(
        _text(partial(parse_config, path="config.toml")),
        (b'[network]\nproxy = "http://p:1"\n[issuers.acme]\nissuer = "https://a.b"\n',),
    ),
    "safe-text": Target(_text(safe_text), (b"a\x1b[2K\xe2\x80\xae",)),
    "grant-record": Target(parse_grant, (grant_record(a_grant()),), _RECORD),
    "setting-record": Target(
        parse_setting,
        (b"\x82\xa6format\x01\xa7setting\x81\xa5value\xa1x",),
        _RECORD,
    ),
    "head-record": Target(
        parse_head,
        (b"\x82\xa6format\x01\xa4head\x81\xa6digest\xc4\x20" + bytes(32),),
        _RECORD,
    ),
    "audit-line": Target(_audit_line, (_LINE,)),
    "audit-shown": Target(_audit_shown, (_LINE, b'{"at":1,"peer":{"claims":{}}}')),
    "audit-unsealed": Target(unsealed_body, (_LINE,)),
    "proc-stat": Target(
        parse_stat,
        (b"7 (a b) c) S 1 7 7 34816 7 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0 0",),
    ),
    "proc-cmdline": Target(script_of, (b"python3\0-W\0error\0/x/a.py\0",)),
    "proc-cgroup": Target(
        _text(_unit), (b"0::/user.slice/user-1.slice/user@1.service/app.slice/x.scope",)
    ),
    "google-auth": Target(
        _foreign(parse_google_auth), (samples.token_json(),), _FOREIGN
    ),
    "pickle": Target(read_pickle, (samples.token_pickle(),), _FOREIGN),
    "gcloud": Target(
        _foreign(parse_gcloud_database),
        (samples.credentials_db("a@b.example"),),
        _FOREIGN,
    ),
    "boto": Target(_foreign(parse_boto), (samples.BOTO,), _FOREIGN),
    "exported": Target(_foreign(parse_exported), (samples.EXPORTED,), _FOREIGN),
    "oauth2l": Target(_foreign(parse_oauth2l), (samples.oauth2l(),), _FOREIGN),
    "gh": Target(_foreign(parse_gh), (samples.GH,), _FOREIGN),
    "glab": Target(_foreign(parse_glab), (samples.GLAB,), _FOREIGN),
    "mcp-remote": Target(_foreign(parse_mcp_tokens), (samples.MCP_TOKENS,), _FOREIGN),
    "rclone": Target(_foreign(parse_rclone), (samples.RCLONE,), _FOREIGN),
    "mutt": Target(_foreign(parse_mutt), (samples.MUTT,), _FOREIGN),
    "email-proxy": Target(
        _foreign(parse_email_proxy), (samples.email_proxy("a@b.example"),), _FOREIGN
    ),
}
