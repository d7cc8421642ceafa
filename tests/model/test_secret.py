"""Secrets have no text form, wherever Python looks for one."""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass

import msgspec
import pytest

from broker.model.client import Client
from broker.model.http import HttpRequest, HttpResponse
from broker.model.secret import Secret, SecretBytes

VALUE = "s3cr3t-value"
BOTH = [Secret(VALUE), SecretBytes(VALUE.encode())]

WAYS_TO_TEXT: list[Callable[[object], object]] = [
    str,
    lambda secret: f"{secret}",
    lambda secret: f"{secret:>40}",
    lambda secret: f"Bearer {secret!s}",
    lambda secret: "Bearer %s" % secret,  # noqa: UP031 - one more way to text
    lambda secret: "Bearer " + secret,  # type: ignore[operator]
    bytes,  # type: ignore[list-item]
    list,  # type: ignore[list-item]
    len,  # type: ignore[list-item]
    json.dumps,
    lambda secret: json.dumps(secret, default=str),
    msgspec.json.encode,
    copy.copy,
    copy.deepcopy,
    pickle.dumps,
    hash,
]


@pytest.mark.parametrize("secret", BOTH, ids=["text", "bytes"])
@pytest.mark.parametrize("way", WAYS_TO_TEXT)
def test_every_way_to_text_fails_and_the_failure_does_not_tell_it(
    secret: object, way: Callable[[object], object]
) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        way(secret)
    assert VALUE not in str(caught.value)


@pytest.mark.parametrize("secret", BOTH, ids=["text", "bytes"])
def test_a_repr_is_a_mask_and_leaves_no_attributes_behind(secret: object) -> None:
    assert repr(secret) == f"{type(secret).__name__}(***)"
    assert not hasattr(secret, "__dict__")


def test_reveal_gives_the_value_itself() -> None:
    assert Secret(VALUE).reveal() == VALUE
    assert SecretBytes(b"\x00\xff").reveal() == b"\x00\xff"


def test_secrets_are_compared_by_value_and_only_with_their_like() -> None:
    assert Secret("aé") == Secret("aé")
    assert Secret("a") != Secret("b")
    assert Secret("a") != Secret("aa")
    assert SecretBytes(b"a") == SecretBytes(b"a")
    assert SecretBytes(b"a") != SecretBytes(b"b")
    assert Secret("a") != "a"
    assert SecretBytes(b"a") != b"a"
    assert Secret("a") != SecretBytes(b"a")


def test_values_that_hold_secrets_do_not_show_them() -> None:
    shown = [
        repr(Client(client_id="c", client_secret=Secret(VALUE))),
        repr(HttpRequest(method="POST", url="https://a", body=VALUE.encode())),
        repr(HttpRequest(method="GET", url="https://a", headers={"A": VALUE})),
        repr(HttpResponse(status=200, body=VALUE.encode())),
        repr(HttpResponse(status=200, headers={"set-cookie": VALUE})),
    ]
    assert not any(VALUE in text for text in shown)


def test_a_dataclass_with_a_secret_cannot_be_copied_into_a_dict() -> None:
    @dataclass
    class Holder:
        secret: Secret

    with pytest.raises(TypeError):
        asdict(Holder(Secret(VALUE)))


def test_a_log_line_that_formats_a_secret_shows_the_mask(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = logging.StreamHandler()
    record = logging.LogRecord(
        "x", logging.INFO, "f.py", 1, "token=%s", (Secret(VALUE),), None
    )
    handler.emit(record)  # prints its own traceback, with the arguments' reprs
    said = capsys.readouterr().err
    assert "Secret(***)" in said
    assert VALUE not in said


def test_a_traceback_through_a_secret_does_not_hold_it() -> None:
    try:
        str(Secret(VALUE))
    except TypeError as exc:
        lines = traceback.TracebackException.from_exception(exc, capture_locals=True)
        assert VALUE not in "".join(lines.format())
    else:
        pytest.fail("a secret became text")
