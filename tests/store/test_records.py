import inspect
import math
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from broker.model.account import Account, AccountName, RedirectChoice
from broker.model.client import Client, Registration, SigningKey
from broker.model.google import GoogleCredentials
from broker.model.grant import Grant, Intent
from broker.model.issuer import Issuer
from broker.model.secret import Secret
from broker.model.time import Instant, Seconds, UnixTime
from broker.model.token import AccessToken
from broker.model.unattended import (
    ClientCredentials,
    JwtBearer,
    TokenExchange,
    Unattended,
    View,
)
from broker.store.records import (
    RecordError,
    grant_record,
    grant_record_over,
    parse_grant,
    parse_setting,
    setting_record,
)
from tests.store.samples import ACCESS_TOKEN, a_grant

T = TypeVar("T")

MOMENTS = st.floats(allow_nan=False)
COUNTS = st.integers(min_value=0, max_value=2**63 - 1)


def every(kind: type[T], **drawn: st.SearchStrategy[object]) -> st.SearchStrategy[T]:
    """Values with every member drawn: as `drawn` says, else as it is annotated."""
    members = inspect.signature(kind).parameters
    return st.builds(kind, **{name: drawn.get(name, ...) for name in members})


GRANTS = every(
    Grant,
    account=every(
        Account,
        issuer=every(Issuer),
        client=every(
            Client,
            registration=st.none()
            | every(Registration, expires_at=st.none() | MOMENTS),
        ),
        redirect=every(RedirectChoice, port=COUNTS),
    ),
    version=COUNTS,
    access_token=st.none()
    | every(
        AccessToken,
        obtained=every(Instant, wall=MOMENTS, boot=MOMENTS),
        life=st.none() | MOMENTS,
    ),
    granted_at=MOMENTS,
    intent=st.none() | every(Intent, since=MOMENTS),
    refresh_expires_at=st.none() | MOMENTS,
    unattended=st.none()
    | every(ClientCredentials)
    | every(JwtBearer)
    | every(TokenExchange)
    | every(View)
    | every(GoogleCredentials, lifetime=st.none() | COUNTS),
)


@given(grant=GRANTS)
def test_every_grant_comes_back_as_it_was(grant: Grant) -> None:
    assert parse_grant(grant_record(grant)) == grant


@given(value=st.text())
def test_every_setting_comes_back_as_it_was(value: str) -> None:
    assert parse_setting(setting_record(value)) == value


def test_an_endless_life_stays_endless() -> None:
    endless = replace(ACCESS_TOKEN, life=Seconds(math.inf))
    back = parse_grant(grant_record(replace(a_grant(), access_token=endless)))
    assert back.access_token is not None
    assert back.access_token.life == math.inf


def test_the_same_grant_gives_the_same_bytes_whatever_the_order_of_its_sets() -> None:
    one = replace(a_grant(), scopes=frozenset(["a", "b", "c", "d"]))
    other = replace(a_grant(), scopes=frozenset(["d", "c", "b", "a"]))
    assert grant_record(one) == grant_record(other)


def members_of(record: bytes) -> dict[str, object]:
    """What stands in a grant's record, as another program would read it."""
    outer = msgspec.msgpack.decode(record, type=dict[str, object])
    return msgspec.convert(outer["grant"], dict[str, object])


def record_of(members: dict[str, object], **more: object) -> bytes:
    return msgspec.msgpack.encode({"format": 1, "grant": members, **more})


def test_members_of_a_newer_minor_version_are_passed_over() -> None:
    members = members_of(grant_record(a_grant()))
    members["new_member"] = {"of": ["any", "shape"]}
    assert parse_grant(record_of(members, new_sibling=[1])) == a_grant()


def test_a_record_from_before_tokens_were_bound_opens_as_one_that_is_not() -> None:
    members = members_of(grant_record(replace(a_grant(), dpop_key=None)))
    del members["dpop_key"]
    account = msgspec.convert(members["account"], dict[str, object])
    del account["dpop"]
    old = parse_grant(record_of(members | {"account": account}))
    assert (old.dpop_key, old.account.dpop) == (None, False)


NEWER = {"new_member": {"of": ["any", "shape"]}}


def newer_record(**more: object) -> bytes:
    """A record of `a_grant` with members that this version does not know."""
    members = members_of(grant_record(replace(a_grant(), **more)))
    account = msgspec.convert(members["account"], dict[str, object])
    return record_of(members | NEWER | {"account": account | NEWER})


def test_members_of_a_newer_minor_version_are_kept_in_the_next_save() -> None:
    renewed = replace(a_grant(), version=2, refresh_token=Secret("renewed"))
    members = members_of(grant_record_over(renewed, newer_record()))
    assert members["new_member"] == NEWER["new_member"]
    account = msgspec.convert(members["account"], dict[str, object])
    assert account["new_member"] == NEWER["new_member"]
    assert parse_grant(record_of(members)) == renewed


def test_members_of_a_newer_minor_version_end_with_their_sign_in() -> None:
    again = replace(a_grant(), granted_at=UnixTime(1))
    assert grant_record_over(again, newer_record()) == grant_record(again)


def test_a_parameter_that_the_person_took_away_does_not_come_back() -> None:
    fewer = replace(a_grant(), account=replace(a_grant().account, parameters={}))
    assert grant_record_over(fewer, grant_record(a_grant())) == grant_record(fewer)


@pytest.mark.parametrize("before", [b"", b"\x90", record_of({})])
def test_what_cannot_be_read_before_is_no_reason_not_to_save(before: bytes) -> None:
    assert grant_record_over(a_grant(), before) == grant_record(a_grant())


def test_members_that_an_older_version_did_not_write_take_their_defaults() -> None:
    members = members_of(grant_record(a_grant()))
    del members["subject"]
    del members["unattended"]
    assert parse_grant(record_of(members)) == replace(a_grant(), subject=None)


def test_how_an_account_without_a_person_gets_its_tokens_is_known_by_its_tag() -> None:
    robot = replace(a_grant(), unattended=ClientCredentials())
    members = members_of(grant_record(robot))
    assert members["unattended"] == {"type": "client_credentials"}
    assert parse_grant(record_of(members)) == robot


@pytest.mark.parametrize(
    "unattended",
    [
        View(parent=AccountName("work"), wider=True),
        TokenExchange(
            parent=AccountName("work"), subject_type="urn:t", audiences=("a", "b")
        ),
    ],
)
def test_what_an_account_is_made_of_comes_back_as_it_was(
    unattended: Unattended,
) -> None:
    made = replace(a_grant(), unattended=unattended)
    assert parse_grant(grant_record(made)) == made


def test_a_credential_of_googles_comes_back_with_its_key() -> None:
    google = GoogleCredentials(
        file=Secret("{}"), impersonate="t@p.example", delegates=("d@p.example",)
    )
    robot = replace(a_grant(), unattended=google)
    members = members_of(grant_record(robot))
    assert "google" in str(members["unattended"])
    assert parse_grant(record_of(members)) == robot


def test_a_claim_that_the_person_took_away_does_not_come_back() -> None:
    bearer = JwtBearer(
        key=SigningKey(jwk=Secret("{}"), algorithm="ES256"),
        issuer="i",
        subject="s",
        audience="a",
        claims={"tenant": "7"},
    )
    more = replace(a_grant(), unattended=bearer)
    fewer = replace(more, unattended=msgspec.structs.replace(bearer, claims={}))
    assert grant_record_over(fewer, grant_record(more)) == grant_record(fewer)


def test_a_kind_that_this_version_does_not_know_is_not_read_as_another() -> None:
    members = members_of(grant_record(a_grant()))
    members["unattended"] = {"type": "from_a_newer_version"}
    with pytest.raises(RecordError):
        parse_grant(record_of(members))


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xc1", id="no MessagePack"),
        pytest.param(grant_record(a_grant())[:-1], id="cut off"),
        pytest.param(setting_record("work"), id="a setting"),
        pytest.param(msgspec.msgpack.encode({"format": 1}), id="no grant in it"),
        pytest.param(
            record_of(members_of(grant_record(a_grant())) | {"refresh_token": 7}),
            id="a number for a secret",
        ),
        pytest.param(
            record_of(members_of(grant_record(a_grant())), format=2),
            id="a newer format",
        ),
        pytest.param(b"\x91" * 100_000, id="nested without end"),
    ],
)
def test_other_bytes_are_refused(record: bytes) -> None:
    with pytest.raises(RecordError):
        parse_grant(record)


def test_a_text_that_is_not_unicode_is_refused_without_being_quoted() -> None:
    grant = replace(a_grant(), refresh_token=Secret("secret-\ud800"))
    with pytest.raises(RecordError) as caught:
        grant_record(grant)
    assert caught.value.__cause__ is None
    assert "secret-" not in repr(caught.value)
