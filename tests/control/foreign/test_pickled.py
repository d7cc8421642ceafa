import pickle
from datetime import datetime

import pytest

from broker.control.foreign.found import ForeignFileError
from broker.control.foreign.pickled import MOST_STEPS, Pickled, read_pickle


class _Thing:
    def __init__(self, inside: object) -> None:
        self.inside = inside


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_comes_as_it_is(protocol: int) -> None:
    value = {"a": [1, -5, 2.5, None, True, "ü"], "b": ("x", "y"), "c": {"d": []}}
    assert read_pickle(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_object_is_its_name_and_its_state(protocol: int) -> None:
    read = read_pickle(pickle.dumps(_Thing("x"), protocol))
    assert isinstance(read, Pickled)
    assert read.name == f"{__name__} _Thing"
    assert read.state == {"inside": "x"}


def test_a_pickle_of_far_more_than_a_sign_in_is_not_read_to_its_end() -> None:
    with pytest.raises(ForeignFileError, match="far more"):
        read_pickle(pickle.dumps(list(range(MOST_STEPS))))


def test_what_a_pickle_would_call_is_not_called() -> None:
    read = read_pickle(pickle.dumps(datetime(2030, 1, 1)))  # noqa: DTZ001 - a value
    assert isinstance(read, Pickled)
    assert read.name == "datetime datetime"


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04.",
        b"\x80\x04u.",
        b"\x80\x04h\x05.",
        b"\x80\x04}(\x8c\x01au.",
        b"cos\nsystem\n(S'id'\ntR",
        b"\x80\x02Ppersistent\n.",
        b"\x80\x02\x82\x05.",
    ],
)
def test_what_is_no_whole_pickle_of_data_is_refused(data: bytes) -> None:
    with pytest.raises(ForeignFileError):
        read_pickle(data)
