"""Being told that a name has gone."""

import os
import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.host.watch import forget_events, watch


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "there").touch()
    descriptor = watch([tmp_path])
    assert descriptor is not None
    yield descriptor
    os.close(descriptor)


def is_told(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0])


def test_what_comes_or_changes_is_no_news(watched: int, tmp_path: Path) -> None:
    (tmp_path / "new").touch()
    (tmp_path / "there").write_text("more")
    assert not is_told(watched)


@pytest.mark.parametrize("how", ["deleted", "moved away"])
def test_a_name_that_goes_is_told_once(
    watched: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, how: str
) -> None:
    if how == "deleted":
        (tmp_path / "there").unlink()
    else:
        (tmp_path / "there").rename(tmp_path_factory.mktemp("away") / "there")
    assert is_told(watched)
    forget_events(watched)
    assert not is_told(watched)


def test_the_folder_itself_is_watched(watched: int, tmp_path: Path) -> None:
    (tmp_path / "there").unlink()
    forget_events(watched)
    tmp_path.rmdir()
    assert is_told(watched)
