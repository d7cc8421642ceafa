"""Every parser of another tool's file: one sentence for whatever is not one."""

import pickle

import pytest

from broker.control.foreign.email_proxy import parse_email_proxy
from broker.control.foreign.exported import parse_exported
from broker.control.foreign.forges import parse_gh, parse_glab
from broker.control.foreign.found import ForeignFileError, Found, Parser
from broker.control.foreign.gcloud import parse_boto, parse_gcloud_database
from broker.control.foreign.google_auth import parse_google_auth
from broker.control.foreign.mcp_remote import parse_mcp_tokens
from broker.control.foreign.mutt import parse_mutt
from broker.control.foreign.oauth2l import parse_oauth2l
from broker.control.foreign.oidc_agent import parse_oidc_agent
from broker.control.foreign.pizauth import parse_pizauth
from broker.control.foreign.rclone import parse_rclone
from broker.control.foreign.tools import TOOLS
from broker.model.secret import Secret
from tests.control.foreign import samples

PARSERS: dict[str, tuple[Parser, bytes, str | None]] = {
    "token.json": (parse_google_auth, samples.token_json(), None),
    "token.pickle": (parse_google_auth, samples.token_pickle(), None),
    "credentials.db": (
        parse_gcloud_database,
        samples.credentials_db("alice@example.com"),
        None,
    ),
    ".boto": (parse_boto, samples.BOTO, None),
    "exported": (parse_exported, samples.EXPORTED, None),
    "oauth2l": (parse_oauth2l, samples.oauth2l(), None),
    "oidc-agent": (parse_oidc_agent, samples.OIDC_AGENT, "pw"),
    "pizauth": (parse_pizauth, samples.pizauth(), None),
    "gh": (parse_gh, samples.GH, None),
    "glab": (parse_glab, samples.GLAB, None),
    "mcp-remote": (parse_mcp_tokens, samples.MCP_TOKENS, None),
    "email-oauth2-proxy": (
        parse_email_proxy,
        samples.email_proxy("alice@example.com"),
        samples.PASSWORD,
    ),
    "rclone": (parse_rclone, samples.RCLONE, None),
    "mutt": (parse_mutt, samples.MUTT, None),
}


class _Mischief:
    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("raise SystemExit('it ran')",))


HOSTILE = {
    "nothing": b"",
    "zeros": bytes(4096),
    "bytes": bytes(range(256)) * 16,
    "deep JSON": b"[" * 10_000,
    "deep objects": b'{"a":' * 10_000,
    "a list": b"[1, 2]",
    "null": b"null",
    "twice a key": b'{"type": "authorized_user", "type": "authorized_user"}',
    "a surrogate": b'{"client_id": "\\ud800", "refresh_token": "x"}',
    "numbers": b'{"client_id": 1, "refresh_token": 2, "token_type": 3, '
    b'"registration": 4, "access_token": 5}',
    "lines in a text": b'{"client_id": "a\\nb", "refresh_token": "a\\u001b[2Jb", '
    b'"token_type": "a\\nb", "registration": "x", "access_token": "a\\nb"}',
    "a pickle that runs": pickle.dumps(_Mischief()),
    "a pickle that runs, old": pickle.dumps(_Mischief(), 2),
    "a pickle of much": pickle.dumps(list(range(100_000))),
    "a YAML tag": b"github.com:\n  oauth_token: !!python/object/apply:os.x y\n",
    "a YAML bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    "deep YAML": b"".join(b" " * n + b"k%d:\n" % n for n in range(200)),
    "deep INI": b"[" * 10_000,
    "an endless line": b"x" + b" " * 4_000_000 + b"\n",
    "a value without end": b"[a]\nx = 1\n" + (b" " + b"y" * 4000 + b"\n") * 1000,
    "a database of nothing": b"SQLite format 3\x00" + bytes(84),
    "a view that counts": samples.database(
        "CREATE VIEW credentials AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT "
        "x + 1 FROM c) SELECT x AS account_id, x AS value FROM c"
    ),
    "a view that swells": samples.database(
        "CREATE VIEW credentials AS SELECT 'a' AS account_id, zeroblob(900000000) "
        "AS value"
    ),
    "another database": samples.credentials_db()[:1024] + bytes(3072),
    "greedy oidc-agent": samples.OIDC_AGENT.replace(b":67108864:", b":%d:" % 2**40),
}
"""Such bytes as lie under the name of a tool's file."""


@pytest.mark.parametrize("name", PARSERS)
def test_what_the_tool_writes_is_found(name: str) -> None:
    parse, data, password = PARSERS[name]
    (found,) = parse(data, None if password is None else Secret(password))
    assert found.is_plain
    assert (found.obstacle is None) == (name != ".boto")
    token = found.refresh_token or found.access_token
    known = (samples.TOKEN, "refresh-of-oidc-agent", "gho_abcdef")
    assert token in [Secret(text) for text in known]


@pytest.mark.parametrize("name", PARSERS)
def test_a_file_that_is_cut_off_gives_no_half_of_a_token(name: str) -> None:
    parse, data, password = PARSERS[name]
    secret = None if password is None else Secret(password)
    (whole,) = parse(data, secret)
    step = 7 if password is None else max(1, len(data) // 5)
    for length in range(0, len(data), step):
        for found in _parsed(parse, data[:length], secret):
            if found.obstacle is not None:
                continue
            token = found.refresh_token or found.access_token
            assert token is None or token in (whole.refresh_token, whole.access_token)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", PARSERS)
def test_a_hostile_file_gives_nothing_or_one_sentence(name: str, hostile: str) -> None:
    parse, _, password = PARSERS[name]
    secret = None if password is None else Secret(password)
    for found in _parsed(parse, HOSTILE[hostile], secret):
        assert not found.is_plain


def test_every_tool_of_the_table_is_tried_here() -> None:
    assert {tool.parse for tool in TOOLS} == {parse for parse, *_ in PARSERS.values()}


def _parsed(parse: Parser, data: bytes, password: Secret | None) -> tuple[Found, ...]:
    """What is found; a refusal must be one printable line that quotes nothing."""
    try:
        return parse(data, password)
    except ForeignFileError as exc:
        what = exc.what
    assert what.isprintable()
    assert len(what) < 200
    return ()
