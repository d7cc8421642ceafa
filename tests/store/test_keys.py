import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.kdf import argon2

from broker.model.errors import BadRequestError, LockedError, StoreFailedError
from broker.model.secret import Secret
from broker.store.keys.passphrase import (
    Argon2id,
    Passphrase,
    Scrypt,
    best_derivation,
)
from broker.store.keys.plain import KeyFile
from broker.store.keys.source import KeyParametersError
from tests.store.samples import names_in

SALT = bytes(range(16))
STORE_ID = b"one store of ours"[:16]


def fixed(count: int) -> bytes:
    return bytes(range(count))


def cheap_argon2id(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, memory_kib=8, iterations=1, lanes=1)


def cheap_scrypt(salt: bytes) -> Scrypt:
    return Scrypt(salt=salt, n=2)


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


# --- the key file ---------------------------------------------------------------


@pytest.mark.usefixtures("open_umask")
def test_a_new_key_file_is_the_persons_alone_under_any_umask(tmp_path: Path) -> None:
    KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)
    assert (tmp_path / "store.key").stat().st_mode & 0o777 == 0o600
    assert names_in(tmp_path) == ["store.key"]


def test_a_key_file_gives_its_key_again(tmp_path: Path) -> None:
    made = KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)
    assert made.key.reveal() == fixed(32)
    assert KeyFile(tmp_path / "store.key").recall(made.parameters) == made.key


def test_a_key_file_that_is_there_is_taken_and_never_overwritten(
    tmp_path: Path,
) -> None:
    first = KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)
    second = KeyFile(tmp_path / "store.key").make(bytes, STORE_ID)
    assert second.key == first.key


def test_a_key_file_that_a_crash_left_half_written_is_cleaned_up(
    tmp_path: Path,
) -> None:
    (tmp_path / "store.key.new").write_bytes(b"brokerd k")
    KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)
    assert names_in(tmp_path) == ["store.key"]


def loosen(path: Path) -> None:
    path.chmod(0o640)


def link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def foreign(path: Path) -> None:
    path.write_bytes(b"somebody else's file, which is long enough for any key\n")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lose, "No such file"),
        (loosen, "can be read by other users"),
        (link, "cannot be read"),
        (pipe, "is not a regular file"),
        (empty, "holds no key"),
        (foreign, "holds no key"),
    ],
)
def test_a_key_file_that_cannot_be_trusted_leaves_the_store_locked(
    tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    source = KeyFile(tmp_path / "store.key")
    made = source.make(fixed, STORE_ID)
    spoil(tmp_path / "store.key")
    with pytest.raises(LockedError, match=says):
        source.recall(made.parameters)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_key_file_of_another_user_leaves_the_store_locked(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "store.key")
    source.make(fixed, STORE_ID)
    os.chown(tmp_path / "store.key", 4711, -1)
    with pytest.raises(LockedError, match="belongs to user 4711"):
        source.recall("{}")


def test_no_key_is_made_from_a_file_that_cannot_be_trusted(tmp_path: Path) -> None:
    foreign(tmp_path / "store.key")
    with pytest.raises(StoreFailedError):
        KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)


def test_a_missing_folder_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(StoreFailedError, match="No such file"):
        KeyFile(tmp_path / "nowhere" / "store.key").make(fixed, STORE_ID)


# --- the passphrase -------------------------------------------------------------


def test_what_is_recorded_by_default_is_argon2id_with_its_cost() -> None:
    made = Passphrase(Secret("correct horse")).make(fixed, STORE_ID)
    assert made.parameters == (
        '{"algorithm":"argon2id","salt":"AAECAwQFBgcICQoLDA0ODw==",'
        '"memory_kib":65536,"iterations":3,"lanes":4}'
    )


def test_scrypt_takes_over_where_argon2id_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(**_: object) -> None:
        raise UnsupportedAlgorithm("not in this OpenSSL")

    monkeypatch.setattr(argon2, "Argon2id", refuse)
    assert best_derivation(SALT) == Scrypt(salt=SALT, n=2**17, r=8, p=1)


def test_a_store_of_argon2id_stays_locked_where_it_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Passphrase(Secret("horse"), cheap_argon2id).make(fixed, STORE_ID)

    def refuse(**_: object) -> None:
        raise UnsupportedAlgorithm("not in this OpenSSL")

    monkeypatch.setattr(argon2, "Argon2id", refuse)
    with pytest.raises(LockedError, match="argon2id"):
        Passphrase(Secret("horse")).recall(made.parameters)


@pytest.mark.parametrize("derivation", [cheap_argon2id, cheap_scrypt])
def test_a_passphrase_gives_its_key_again(
    derivation: Callable[[bytes], Argon2id | Scrypt],
) -> None:
    made = Passphrase(Secret("horse"), derivation).make(fixed, STORE_ID)
    # Recalled by its parameters alone: the default derivation plays no part.
    assert Passphrase(Secret("horse")).recall(made.parameters) == made.key
    assert Passphrase(Secret("house")).recall(made.parameters) != made.key


def test_another_salt_gives_another_key() -> None:
    one = Passphrase(Secret("horse"), cheap_argon2id).make(fixed, STORE_ID)
    other = Passphrase(Secret("horse"), cheap_argon2id).make(bytes, STORE_ID)
    assert one.key != other.key


def test_the_published_scrypt_vector_is_computed_again() -> None:
    # RFC 7914 section 12: "pleaseletmein", "SodiumChloride", N=16384, r=8, p=1.
    derived = Scrypt(salt=b"SodiumChloride", n=16384).derive(b"pleaseletmein")
    assert derived.hex().startswith("7023bdcb3afd7348461c06cd81fd38eb")


def test_the_same_letters_in_other_code_points_are_the_same_passphrase() -> None:
    made = Passphrase(Secret("Stra\u00dfe \u00e4"), cheap_argon2id).make(
        fixed, STORE_ID
    )
    typed = Passphrase(Secret("Stra\u00dfe a\u0308"))
    assert typed.recall(made.parameters) == made.key


def test_a_passphrase_that_is_not_unicode_still_works() -> None:
    made = Passphrase(Secret("\ud800"), cheap_argon2id).make(fixed, STORE_ID)
    assert Passphrase(Secret("\ud800")).recall(made.parameters) == made.key


def test_an_empty_passphrase_is_refused() -> None:
    with pytest.raises(BadRequestError):
        Passphrase(Secret("")).make(fixed, STORE_ID)


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param("", id="nothing"),
        pytest.param("{}", id="no algorithm"),
        pytest.param('{"algorithm":"md5","salt":"AAAAAAAAAAAAAAAA"}', id="another"),
        pytest.param(
            '{"algorithm":"argon2id","salt":"AAAAAAAAAAAAAAAA","memory_kib":99999999}',
            id="all memory",
        ),
        pytest.param(
            '{"algorithm":"scrypt","salt":"AAAAAAAAAAAAAAAA","n":16777216}',
            id="all memory, scrypt",
        ),
        pytest.param(
            '{"algorithm":"scrypt","salt":"AAAAAAAAAAAAAAAA","n":15}',
            id="no power of two",
        ),
        pytest.param('{"algorithm":"scrypt","salt":""}', id="no salt"),
    ],
)
def test_damaged_parameters_are_told_from_a_wrong_passphrase(parameters: str) -> None:
    with pytest.raises(KeyParametersError):
        Passphrase(Secret("horse")).recall(parameters)
