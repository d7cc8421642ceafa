import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from broker.control.foreign.found import ForeignFileError
from broker.control.foreign.reading import ForeignFile, read_file
from broker.control.foreign.removing import is_removable, remove
from tests.control.foreign import samples
from tests.control.foreign.test_reading import put


def read(path: Path) -> ForeignFile:
    return read_file(path, None, None)


def test_a_file_of_one_sign_in_goes_as_a_whole(tmp_path: Path) -> None:
    path = put(tmp_path / "token.json", samples.token_json())
    file = read(path)
    assert is_removable(file, file.found)
    remove(file, file.found)
    assert not path.exists()


def test_lines_are_cut_out_and_the_rest_stays_with_its_mode(tmp_path: Path) -> None:
    path = put(tmp_path / "rclone.conf", samples.RCLONE, 0o640)
    file = read(path)
    remove(file, file.found)
    left = path.read_text()
    assert samples.TOKEN not in left
    assert "[gd]\ntype = drive" in left
    assert "[disk]\ntype = local" in left
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["rclone.conf"]


def test_a_row_goes_and_leaves_no_trace_in_a_free_page(tmp_path: Path) -> None:
    data = samples.credentials_db("alice@example.com", "bob@example.com")
    path = put(tmp_path / "credentials.db", data)
    file = read(path)
    alice, bob = file.found
    remove(file, (bob,))
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT account_id FROM credentials").fetchall()
    assert rows == [(alice.label,)]
    assert (samples.TOKEN + "1").encode() not in path.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == ["credentials.db"]


def test_a_cache_of_several_is_not_removed_for_one(tmp_path: Path) -> None:
    one = samples.oauth2l()
    two = one[:-1] + b"," + one[1:].replace(b"drive mail", b"calendar")
    file = read(put(tmp_path / ".oauth2l", two))
    assert not is_removable(file, file.found[:1])
    assert is_removable(file, file.found)


def test_what_has_changed_meanwhile_is_left_as_it_is(tmp_path: Path) -> None:
    path = put(tmp_path / "rclone.conf", samples.RCLONE)
    file = read(path)
    newer = samples.RCLONE.replace(samples.TOKEN.encode(), b"a-newer-one")
    path.write_bytes(newer)
    with pytest.raises(ForeignFileError, match="changed meanwhile"):
        remove(file, file.found)
    assert path.read_bytes() == newer
