import json
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
from broker.store.keys.source import KeyParametersError, KeyUnavailableError
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
    assert made.parameters == '{"file":"store.key"}'
    assert KeyFile(tmp_path / "store.key").recall(made.parameters) == made.key


def test_a_store_that_recorded_no_name_has_the_first_file(tmp_path: Path) -> None:
    made = KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)
    assert KeyFile(tmp_path / "store.key").recall("{}") == made.key


def test_a_key_file_that_is_there_is_neither_taken_nor_overwritten(
    tmp_path: Path,
) -> None:
    source = KeyFile(tmp_path / "store.key")
    first = source.make(fixed, STORE_ID)
    second = source.make(bytes, STORE_ID)
    assert second.parameters == '{"file":"store-00000000.key"}'
    assert names_in(tmp_path) == ["store-00000000.key", "store.key"]
    assert source.recall(first.parameters) == first.key != second.key
    assert source.recall(second.parameters) == second.key


def test_a_third_name_that_is_taken_too_is_an_error_and_no_loss(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "store.key")
    source.make(fixed, STORE_ID)
    second = source.make(bytes, STORE_ID)
    with pytest.raises(StoreFailedError, match="File exists"):
        source.make(bytes, STORE_ID)
    assert source.recall(second.parameters) == second.key


def test_a_rotated_key_leaves_its_new_file_alone(tmp_path: Path) -> None:
    source = KeyFile(tmp_path / "store.key")
    old = source.make(fixed, STORE_ID)
    new = source.make(bytes, STORE_ID)
    source.forget(old.parameters)
    assert names_in(tmp_path) == ["store-00000000.key"]
    assert source.recall(new.parameters) == new.key


def test_a_forgotten_key_is_gone_under_the_name_that_a_crash_left_it_too(
    tmp_path: Path,
) -> None:
    made = KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)
    os.link(tmp_path / "store.key", tmp_path / "store.key.new")
    KeyFile(tmp_path / "store.key").forget(made.parameters)
    assert names_in(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "other.key",
        "store.db",
        "../store.key",
        "store-0badcafe.key/../../x",
        "store-0badcaf.key",
        "store-0BADCAFE.key",
        "store.key\n",
        "/etc/passwd",
    ],
)
def test_a_name_that_no_key_file_has_is_neither_read_nor_removed(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    source = KeyFile(folder / "store.key")
    for path in ("store.key", "store.db", "folder/other.key", "folder/store.db"):
        (tmp_path / path).write_bytes(b"precious")
    before = names_in(tmp_path), names_in(folder)
    recorded = json.dumps({"file": name})
    with pytest.raises(KeyParametersError):
        source.recall(recorded)
    source.forget(recorded)
    assert (names_in(tmp_path), names_in(folder)) == before
    assert "key.forget.failed source=plain" in caplog.text


def test_a_key_file_that_cannot_be_removed_is_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "store.key").mkdir()
    KeyFile(tmp_path / "store.key").forget('{"file":"store.key"}')
    assert "key.forget.failed source=plain" in caplog.text
    assert "store.key" in caplog.text


def test_a_folder_that_is_there_could_keep_a_key(tmp_path: Path) -> None:
    KeyFile(tmp_path / "store.key").probe()
    assert names_in(tmp_path) == []


def test_a_folder_that_is_none_could_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder, says in (("nowhere", "No such file"), ("file", "is not a folder")):
        with pytest.raises(KeyUnavailableError, match=says):
            KeyFile(tmp_path / folder / "store.key").probe()


def test_a_folder_that_cannot_be_written_to_could_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write everywhere, so the system's answer is made up here.
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(KeyUnavailableError, match="cannot be written to"):
        KeyFile(tmp_path / "store.key").probe()


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


def test_where_every_file_is_everybodys_no_key_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on FAT: the mode is taken without a word, and is another one afterwards.
    real = os.fchmod
    monkeypatch.setattr(os, "fchmod", lambda descriptor, _: real(descriptor, 0o644))
    with pytest.raises(StoreFailedError, match="can be read by other users"):
        KeyFile(tmp_path / "store.key").make(fixed, STORE_ID)
    assert names_in(tmp_path) == []


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
