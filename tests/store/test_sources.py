"""The key sources of this system, by name."""

from pathlib import Path

import pytest

from broker.model.errors import BadRequestError
from broker.model.secret import Secret
from broker.store.keys.names import automatic_choice, key_sources
from broker.store.sources import _FACTORIES, Sources
from tests.store.samples import names_in


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    # No desktop and no systemd: what is left works everywhere.
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path}/no-bus")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return Sources(tmp_path / "store.db")


def test_every_source_that_a_system_can_have_can_be_had() -> None:
    named = {
        name
        for platform in ("linux", "darwin", "win32", "freebsd14")
        for name in key_sources(platform)
    }
    assert named == _FACTORIES.keys()


@pytest.mark.parametrize("name", key_sources())
def test_a_source_has_the_name_it_was_asked_for_by(sources: Sources, name: str) -> None:
    assert sources.named(name).name == name


@pytest.mark.parametrize(
    ("name", "passphrase", "what"),
    [
        ("parchment", None, "is one of: "),
        ("", None, "is one of: "),
        ("passphrase", None, "needs a passphrase"),
        ("plain", Secret("horse"), "takes no passphrase"),
    ],
)
def test_a_source_that_cannot_be_had_so_is_refused(
    sources: Sources, name: str, passphrase: Secret | None, what: str
) -> None:
    with pytest.raises(BadRequestError, match=what):
        sources.for_a_new_key(name, passphrase)


def test_nothing_is_made_by_asking(sources: Sources, tmp_path: Path) -> None:
    sources.facts()
    sources.best()
    assert names_in(tmp_path) == []


def test_without_a_keyring_the_last_choice_is_the_best(sources: Sources) -> None:
    assert sources.best().name == automatic_choice()[-1]


def test_what_does_not_work_says_why_and_the_best_come_first(sources: Sources) -> None:
    facts = sources.facts()
    names = [one.name for one in facts]
    assert set(names) == set(key_sources())
    assert names[: len(automatic_choice())] == list(automatic_choice())
    for one in facts:
        assert one.works == (one.reason is None)
    found = {one.name: one for one in facts}
    assert found["plain"].works
    assert not found["systemd-credential"].works


def test_the_passphrase_is_in_no_repr(sources: Sources) -> None:
    source = sources.for_a_new_key("passphrase", Secret("correct horse"))
    assert "horse" not in repr(source) + repr(vars(source))
