"""`brokerctl add --from`: views, and tokens that are had for others."""

from pathlib import Path

import pytest

from tests.control.conftest import Listen, Run
from tests.control.test_adding import added
from tests.fakes.broker import in_turn
from tests.oauth.keys import p256, pem

VIEW = ("add", "ci", "--from", "work")


def test_with_from_alone_it_is_a_view(run: Run, listen: Listen) -> None:
    broker = listen(in_turn(added(account="ci")))
    words = ("--scope", "mail drive", "--resource", "https://api.example")
    result = run(*VIEW, *words, "--allow-wider")
    assert result.exit_code == 0, result.output
    (asked,) = broker.requests
    assert (asked.method, asked.target) == ("PUT", "/v1/accounts/ci")
    assert asked.json == {
        "kind": "view",
        "from": "work",
        "scopes": ["mail", "drive"],
        "resource": "https://api.example",
        "allow_wider": True,
    }


def test_an_exchange_says_where_for_whom_and_for_what(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s3cret\n")
    broker = listen(in_turn(added(account="ci")))
    result = run(
        *(*VIEW, "--exchange", "--token-endpoint", "https://sts.example/token"),
        *("--client-id", "g", "--client-secret-file", str(secret)),
        *("--audience", "orders", "--audience", "stock", "--scope", "read"),
        *("--requested-token-type", "jwt", "--subject-token-type", "jwt"),
    )
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json == {
        "kind": "token_exchange",
        "from": "work",
        "token_endpoint": "https://sts.example/token",
        "client_id": "g",
        "client_secret": "s3cret",
        "scopes": ["read"],
        "audiences": ["orders", "stock"],
        "requested_token_type": "jwt",
        "subject_token_type": "jwt",
    }
    assert f"{secret} is sealed in the store now" in result.stderr


def test_who_exchanges_may_sign_who_it_is(
    run: Run, listen: Listen, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    key.write_text(pem(p256()))
    broker = listen(in_turn(added(account="ci")))
    result = run(
        *(*VIEW, "--exchange", "--issuer", "i", "--client-id", "g"),
        *("--private-key-file", str(key), "--assertion-audience", "token-endpoint"),
    )
    assert result.exit_code == 0, result.output
    assert broker.requests[0].json == {
        "kind": "token_exchange",
        "from": "work",
        "issuer": "i",
        "client_id": "g",
        "private_key": {"text": pem(p256()).strip()},
        "audience": "token-endpoint",
    }
    assert f"{key} is sealed in the store now" in result.stderr


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((*VIEW, "--issuer", "i"), "a view has no use for --issuer"),
        ((*VIEW, "--param", "a=b"), "a view has no use for --param"),
        (("add", "ci", "--exchange"), "--from is missing"),
        ((*VIEW, "--exchange", "--client-credentials"), "name one kind"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anybody_is_asked(
    run: Run, listen: Listen, words: tuple[str, ...], what: str
) -> None:
    broker = listen(in_turn())
    result = run(*words)
    assert result.exit_code == 2
    assert what in result.stderr
    assert broker.requests == []
