import base64
import json

import pytest

from broker.model.errors import IssuerMalformedError
from broker.model.secret import Secret
from broker.oauth.compact import (
    LONGEST_HEADER,
    LONGEST_TOKEN,
    parse_compact,
    require_subject,
)
from tests.fakes.signer import segment, unsigned

ISSUER = "https://issuer.example"
HEAD, CLAIMS = {"alg": "RS256"}, {"sub": "person-1"}


def test_rfc7515_section_7_1_the_three_parts_are_taken_apart() -> None:
    text = unsigned(HEAD, CLAIMS, b"sig")
    compact = parse_compact(Secret(text), issuer=ISSUER)
    assert compact.header.find("alg") == "RS256"
    assert compact.claims.text("sub") == "person-1"
    assert compact.signed.decode() == text.rpartition(".")[0]
    assert compact.signature == b"sig"
    assert "person-1" not in repr(compact)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not a signed JWT"),
        ("a.b.c", "not a signed JWT"),
        (unsigned(HEAD, CLAIMS) + "\n", "not a signed JWT"),
        (unsigned(HEAD, CLAIMS) + ".e30", "not a signed JWT"),
        (unsigned(HEAD, CLAIMS).replace(".", "=.", 1), "not a signed JWT"),
        ("!" + unsigned(HEAD, CLAIMS), "not a signed JWT"),
        (unsigned(["alg"], CLAIMS), "not a signed JWT"),
        (unsigned(HEAD, ["sub"]), "not a JSON object"),
        (unsigned(HEAD, CLAIMS).rpartition(".")[0] + ".a", "not a signed JWT"),
        (segment(b'{"a":1,"a":2}') + ".e30.c2ln", "not a signed JWT"),
        (unsigned({"a": "x" * LONGEST_HEADER}, CLAIMS), "a header of more than"),
        ("e30.e30." + "A" * LONGEST_TOKEN, "longer than"),
    ],
)
def test_what_is_no_signed_jwt_is_refused_without_a_word_of_it(
    text: str, fault: str
) -> None:
    with pytest.raises(IssuerMalformedError, match=fault) as caught:
        parse_compact(Secret(text), issuer=ISSUER)
    assert caught.value.__cause__ is None
    assert "person-1" not in str(caught.value)


def test_openid_core_section_12_2_tokens_of_somebody_else_are_told() -> None:
    theirs = Secret(unsigned(HEAD, {"sub": "person-2"}))
    with pytest.raises(IssuerMalformedError, match="somebody else's"):
        require_subject(theirs, issuer=ISSUER, subject="person-1")


@pytest.mark.parametrize(
    ("token", "subject"),
    [
        (None, "person-1"),
        (unsigned(HEAD, CLAIMS), "person-1"),
        (unsigned(HEAD, {"sub": "person-2"}), None),
        (unsigned(HEAD, {"sub": 2}), "person-1"),
        (unsigned(HEAD, {}), "person-1"),
        ("no token", "person-1"),
    ],
)
def test_what_does_not_say_so_is_no_fault_of_a_refresh(
    token: str | None, subject: str | None
) -> None:
    held = None if token is None else Secret(token)
    require_subject(held, issuer=ISSUER, subject=subject)


def test_padding_is_put_where_it_belongs() -> None:
    for size in range(1, 9):
        text = f"e30.e30.{segment(b'x' * size)}"
        assert parse_compact(Secret(text), issuer=ISSUER).signature == b"x" * size
    assert json.loads(base64.b64decode("e30=")) == {}
