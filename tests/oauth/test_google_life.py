"""How long a token lives."""

import pytest

from broker.model.errors import IssuerMalformedError
from broker.model.secret import Secret
from broker.model.time import Seconds, UnixTime
from broker.oauth.google_life import life_of, signed_life
from broker.oauth.members import Members
from tests.services.google import signed

NOW = UnixTime(1_800_000_000.0)


def of(**members: object) -> Seconds | None:
    return life_of(Members(members, "https://g.example", "its token answer"), NOW)


def test_a_token_endpoint_says_a_span() -> None:
    assert of(expires_in=3599) == Seconds(3599)
    assert of(expires_in="3599") == Seconds(3599)


def test_the_iam_api_says_a_moment() -> None:
    assert of(expireTime="2027-01-15T08:15:00Z") == Seconds(900)
    assert of(expireTime="2020-01-15T08:15:00Z") == Seconds(0)


def test_an_answer_may_say_nothing() -> None:
    assert of() is None


@pytest.mark.parametrize(
    "text", ["soon", "2027-01-15T08:15:00", "2027-13-01T00:00:00Z"]
)
def test_no_moment_is_told(text: str) -> None:
    with pytest.raises(IssuerMalformedError):
        of(expireTime=text)


def test_what_was_signed_here_says_it_itself() -> None:
    assert signed_life(Secret(signed({"iat": 100, "exp": 3700}))) == Seconds(3600)
    assert signed_life(Secret(signed({"iat": 100}))) is None
    for odd in ("no-jwt", "a.%.c", "a.b", "a.bnVsbA.c", "a.b.c.d.e"):
        assert signed_life(Secret(odd)) is None
