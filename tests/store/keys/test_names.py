import pytest

from broker.store.keys.names import (
    DESCRIPTIONS,
    PASSPHRASE,
    PLAIN,
    automatic_choice,
    key_sources,
)

PLATFORMS = ("linux", "darwin", "win32", "freebsd14")


@pytest.mark.parametrize(
    ("platform", "choice"),
    [
        ("linux", ("systemd-credential", "secret-service", "plain")),
        ("darwin", ("keychain", "plain")),
        ("win32", ("dpapi", "plain")),
        ("freebsd14", ("plain",)),
    ],
)
def test_when_nobody_chooses_the_best_that_works_is_taken(
    platform: str, choice: tuple[str, ...]
) -> None:
    assert automatic_choice(platform) == choice


@pytest.mark.parametrize("platform", PLATFORMS)
def test_nobody_is_given_a_passphrase_he_did_not_choose_or_a_source_he_has_not(
    platform: str,
) -> None:
    choice = automatic_choice(platform)
    assert PASSPHRASE not in choice
    assert set(choice) <= set(key_sources(platform))
    assert choice[-1] == PLAIN, "one can be had everywhere"


def test_every_source_is_described_in_one_line() -> None:
    named = {name for platform in PLATFORMS for name in key_sources(platform)}
    assert named == DESCRIPTIONS.keys()
    for line in DESCRIPTIONS.values():
        assert len(line) <= 72
        assert line[0].islower()
        assert not line.endswith(".")
