"""oidc-agent's socket, as 4.2.6 answers on it; the real one is in tests/system."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.control.foreign.running_agent import let_go

Answers = Callable[[Mapping[str, str]], bytes]


def with_one(removed: bytes) -> Answers:
    """An agent that has loaded 'acc', and answers so to a removal."""

    def answers(request: Mapping[str, str]) -> bytes:
        if request == {"request": "loaded_accounts"}:
            return b'{"status":"success","info":["other","acc"]}'
        assert request == {"request": "remove", "account": "acc"}
        return removed

    return answers


@contextmanager
def an_agent(place: Path, answers: Answers) -> Iterator[dict[str, str]]:
    """One that runs; the environment that says where."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(answers(json.loads(connection.recv(4096))))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield {"OIDC_SOCK": str(place)}
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("removed", "says"),
    [
        (b'{"status":"success"}', "has let go of it"),
        (b'{"status":"failure","error":"Agent locked"}', "may still renew it"),
        (b"[]", "may still renew it"),
        (b"", "may still renew it"),
    ],
)
def test_what_has_moved_in_is_taken_out_of_a_running_agent(
    tmp_path: Path, removed: bytes, says: str
) -> None:
    with an_agent(tmp_path / "s", with_one(removed)) as environ:
        said = let_go(environ, "acc")
    assert said is not None
    assert says in said


def test_an_agent_that_has_it_not_is_left_alone(tmp_path: Path) -> None:
    with an_agent(tmp_path / "s", with_one(b"")) as environ:
        assert let_go(environ, "third") is None


def test_where_none_runs_nothing_is_said(tmp_path: Path) -> None:
    assert let_go({}, "acc") is None
    assert let_go({"OIDC_SOCK": str(tmp_path / "gone")}, "acc") is None
