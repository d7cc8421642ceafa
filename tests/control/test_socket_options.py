"""What a person types of a restricted socket."""

from pathlib import Path

import pytest

from broker.control.socket_options import SocketWords, is_described, socket_body
from brokerd_client import BrokerError

NOTHING: SocketWords = {
    "account": (),
    "scope": (),
    "resource": None,
    "max_ttl": None,
    "operations": None,
    "rate": None,
    "expires": None,
    "uses": None,
    "confirm": None,
    "mode": None,
    "group": None,
    "path": None,
}


def words(**typed: object) -> SocketWords:
    return {**NOTHING, "account": ("work",), **typed}  # type: ignore[typeddict-item]


def test_nothing_is_in_the_request_that_was_not_said() -> None:
    assert socket_body("ci", words()) == {"name": "ci", "accounts": ["work"]}
    assert socket_body("ci", words(mode="0600")) == socket_body("ci", words())


def test_every_option_is_in_the_request() -> None:
    typed = words(
        account=("work", "home"),
        scope=("a b", "c"),
        resource="https://api.example",
        max_ttl="10m",
        operations="token, login",
        rate="60/min",
        expires="8h",
        uses=5,
        confirm="first",
        group="builders",
        path=Path("/srv/b/ci.sock"),
    )
    assert socket_body("ci", typed) == {
        "name": "ci",
        "accounts": ["work", "home"],
        "scopes": ["a", "b", "c"],
        "resource": "https://api.example",
        "max_ttl": 600,
        "operations": ["token", "login"],
        "rate": {"most": 60, "seconds": 60},
        "expires_in": 28800,
        "uses": 5,
        "confirm": "first",
        "group": "builders",
        "path": "/srv/b/ci.sock",
    }


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("1/s", 1), ("5/m", 60), ("5/min", 60), ("5/h", 3600), ("5/15m", 900)],
)
def test_a_rate_has_a_unit_or_a_span(typed: str, seconds: int) -> None:
    rate = socket_body("ci", words(rate=typed))["rate"]
    assert rate == {"most": int(typed.partition("/")[0]), "seconds": seconds}


def test_a_path_is_made_absolute_where_it_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    body = socket_body("ci", words(path=Path("ci.sock")))
    assert body["path"] == str(tmp_path / "ci.sock")


@pytest.mark.parametrize(
    "typed",
    [
        {"account": ()},
        {"max_ttl": "10"},
        {"max_ttl": "ten minutes"},
        {"expires": "0h"},
        {"expires": "-1h"},
        {"rate": "60"},
        {"rate": "0/min"},
        {"rate": "-1/min"},
        {"rate": "1/fortnight"},
        {"rate": "x/min"},
        {"operations": "token,manage"},
        {"operations": ""},
        {"mode": "0600", "group": "builders"},
    ],
)
def test_what_makes_no_sense_is_told_in_a_sentence(typed: dict[str, object]) -> None:
    with pytest.raises(BrokerError) as caught:
        socket_body("ci", words(**typed))
    assert caught.value.code == "bad_request"
    assert caught.value.detail
    assert caught.value.hint


def test_a_socket_is_described_by_any_option() -> None:
    assert not is_described(NOTHING)
    assert is_described({**NOTHING, "uses": 1})
    assert is_described(words())
