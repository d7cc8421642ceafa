"""Answers that are remembered, and how they are forgotten."""

import msgspec
import pytest

from broker.model.consent import Consent, Session, SessionConsent
from broker.model.errors import StoreFailedError, UnknownConsentError
from broker.model.time import UnixTime
from broker.services.remembered import Remembered
from tests.fakes.clock import START
from tests.fakes.store import MemoryStore
from tests.model.test_consent import ALLOWED, changed

HERE = Session(place="tty pts/3", started=7)
MAIL = changed(scopes=frozenset({"mail"}))


def consent(consent_id: str = "c1", **changes: object) -> Consent:
    return Consent(
        consent_id=consent_id, allowance=changed(**changes), given_at=UnixTime(1)
    )


def for_session(consent_id: str = "s1") -> SessionConsent:
    return SessionConsent(
        consent_id=consent_id,
        allowance=ALLOWED,
        session=HERE,
        given=START,
        used=START,
    )


async def test_an_answer_is_found_again_by_another_daemon() -> None:
    store = MemoryStore()
    await Remembered(store).add(consent())
    again = Remembered(store)
    await again.load()
    assert again.always == (consent(),)
    assert again.allows(MAIL, None, START) == "you, always (c1)"


async def test_a_wider_answer_takes_the_place_of_narrower_ones() -> None:
    remembered = Remembered(MemoryStore())
    await remembered.add(consent("narrow", scopes=frozenset({"mail"})))
    await remembered.add(consent("other", socket="ci"))
    await remembered.add(consent("wide"))
    assert [one.consent_id for one in remembered.always] == ["other", "wide"]


async def test_what_the_disk_refused_is_not_remembered() -> None:
    store = MemoryStore()
    remembered = Remembered(store)
    store.fail_next_save()
    with pytest.raises(StoreFailedError):
        await remembered.add(consent())
    assert remembered.allows(MAIL, None, START) is None


@pytest.mark.parametrize("text", ["{", '[{"consent_id": 1}]', "null"])
async def test_what_cannot_be_read_allows_nothing_and_is_replaced(text: str) -> None:
    store = MemoryStore()
    store.settings["consents"] = text
    remembered = Remembered(store)
    await remembered.load()
    assert (remembered.always, remembered.is_damaged) == ((), True)
    await remembered.add(consent())
    assert not remembered.is_damaged
    again = Remembered(store)
    await again.load()
    assert again.always == (consent(),)


async def test_a_use_keeps_a_session_from_ending() -> None:
    remembered = Remembered(MemoryStore())
    remembered.add_for_session(for_session())
    later = msgspec.structs.replace(START, boot=START.boot + 500)
    assert remembered.allows(MAIL, HERE, later) == "you, for this session (s1)"
    last = msgspec.structs.replace(START, boot=START.boot + 1000)
    assert remembered.allows(MAIL, HERE, last) is not None
    assert remembered.allows(MAIL, None, last) is None
    end = msgspec.structs.replace(START, boot=START.boot + 1700)
    assert remembered.allows(MAIL, HERE, end) is None
    assert remembered.sessions(end) == []


async def test_one_or_all_are_forgotten() -> None:
    store = MemoryStore()
    remembered = Remembered(store)
    await remembered.add(consent())
    await remembered.add(consent("c2", socket="ci"))
    remembered.add_for_session(for_session())
    with pytest.raises(UnknownConsentError):
        await remembered.revoke("c3", START)
    await remembered.revoke("c1", START)
    await remembered.revoke("s1", START)
    assert remembered.sessions(START) == []
    assert [one.consent_id for one in remembered.always] == ["c2"]
    await remembered.revoke_all()
    assert "consents" not in store.settings


async def test_an_account_is_forgotten_with_all_that_was_said_of_it() -> None:
    remembered = Remembered(MemoryStore())
    await remembered.add(consent())
    await remembered.add(consent("home", account="home"))
    remembered.add_for_session(for_session())
    await remembered.forget_account(ALLOWED.account)
    assert [one.consent_id for one in remembered.always] == ["home"]
    assert remembered.sessions(START) == []
