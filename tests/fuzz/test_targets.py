"""The targets themselves: seeds that pass, and what strangers may send, in small."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

CORPUS = Path(__file__).parent / "corpus"
ANY = st.sampled_from(sorted(TARGETS))


KEPT = [(file.parent.name, file) for file in sorted(CORPUS.glob("*/*"))]
"""What has led to new branches, and what was found once and must not be again."""


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_takes_its_seeds(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        target.take(seed)


@pytest.mark.parametrize(("name", "file"), KEPT, ids=str)
def test_the_corpus_is_taken_or_refused(name: str, file: Path) -> None:
    TARGETS[name](file.read_bytes())


def test_a_find_is_let_out() -> None:
    planted = Target(lambda data: data.index(b"x"), (b"x",))
    planted.take(b"x")
    with pytest.raises(ValueError, match="not found"):
        planted(b"y")


@given(name=ANY, data=st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused(name: str, data: bytes) -> None:
    TARGETS[name](data)


@settings(max_examples=400)
@given(
    name=ANY,
    cut=st.integers(0, 300),
    put=st.sampled_from(
        [
            b"",
            b"\0",
            b"\xff\xfe",
            b"\xed\xa0\x80",
            b"null",
            b"[" * 5000,
            b'{"a":' * 5000,
            b"1e400",
            b"-1",
            b"9" * 400,
            b'"\\ud800"',
            b"\r\n\r\n",
            b"\x1b[2J",
        ]
    ),
    over=st.integers(0, 8),
)
def test_a_seed_with_something_put_into_it_is_taken_or_refused(
    name: str, cut: int, put: bytes, over: int
) -> None:
    target = TARGETS[name]
    for seed in target.seeds:
        at = cut % (len(seed) + 1)
        target(seed[:at] + put + seed[at + over :])
