"""Windows of an X server, by what the specifications promise."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.host.window_titles_x11 import (
    MOST_WINDOWS,
    X11Windows,
    parse_children,
    parse_property,
)
from broker.host.windows import Window
from tests.fakes.x_server import ROOT, FakeXServer, numbers

CODE = "Success code=4/AbC"


def titles(server: FakeXServer) -> dict[int, str]:
    return {window.number: window.title for window in X11Windows(server).all()}


def test_with_a_window_manager_its_list_is_taken() -> None:
    server = FakeXServer(children={ROOT: [7, 8]})
    server.manage(8)
    server.set_title(7, "a frame of it")
    server.set_title(8, CODE)
    assert titles(server) == {8: CODE}


def test_without_one_the_windows_are_found_below_the_root() -> None:
    server = FakeXServer(children={ROOT: [7], 7: [8], 8: [9], 9: [10]})
    for window in (7, 8, 9, 10):
        server.set_title(window, f"window {window}")
    assert titles(server) == {n: f"window {n}" for n in (7, 8, 9)}


def test_the_list_of_a_window_manager_that_died_is_not_believed() -> None:
    server = FakeXServer(children={ROOT: [8]})
    server.manage(7)
    del server.properties[50]
    server.set_title(7, "gone")
    server.set_title(8, CODE)
    assert titles(server) == {8: CODE}


def test_the_older_name_serves_where_there_is_no_other() -> None:
    server = FakeXServer(children={ROOT: [7, 8]})
    server.set_title(7, "café", "WM_NAME")
    server.set_title(8, "Успех")
    server.set_title(8, "?????", "WM_NAME")
    assert titles(server) == {7: "café", 8: "Успех"}


def test_what_is_no_utf_8_breaks_nothing() -> None:
    server = FakeXServer(
        children={ROOT: [7]}, properties={7: {"_NET_WM_NAME": b"\xff"}}
    )
    assert titles(server) == {7: "\ufffd"}


def test_windows_that_vanish_meanwhile_and_those_without_a_title_are_left_out() -> None:
    server = FakeXServer(children={ROOT: [7, 8, 9]}, properties={8: {}})
    server.set_title(9, CODE)
    assert titles(server) == {9: CODE}


def test_only_so_many_windows_are_looked_at() -> None:
    many = list(range(10_000, 10_000 + MOST_WINDOWS + 5))
    server = FakeXServer(children={ROOT: many})
    for window in many:
        server.set_title(window, "one of many")
    assert len(titles(server)) == MOST_WINDOWS


def test_a_window_manager_that_closes_windows_is_asked_to() -> None:
    server = FakeXServer()
    server.manage(8)
    X11Windows(server).ask_to_close(Window(number=8, title=CODE))
    ((to, mask, event),) = server.sent
    assert (to, mask) == (ROOT, 0x180000)  # SubstructureNotify, SubstructureRedirect
    kind, bits, window, message, *data = struct.unpack("=BBxxII5I", event)
    assert (kind, bits, window) == (33, 32, 8)
    assert message == server.atom("_NET_CLOSE_WINDOW")
    assert data == [0, 2, 0, 0, 0]


@pytest.mark.parametrize("is_managed", [False, True])
def test_without_such_a_window_manager_the_window_itself_is_asked(
    is_managed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    server = FakeXServer()
    if is_managed:
        server.manage(8, closes=False)
    X11Windows(server).ask_to_close(Window(number=8, title=CODE))
    ((to, mask, event),) = server.sent
    assert (to, mask) == (8, 0)
    _, _, window, message, *data = struct.unpack("=BBxxII5I", event)
    assert (window, message) == (8, server.atom("WM_PROTOCOLS"))
    assert data == [server.atom("WM_DELETE_WINDOW"), 0, 0, 0, 0]


def test_a_window_manager_that_died_is_not_asked() -> None:
    server = FakeXServer()
    server.manage(8)
    del server.properties[50]
    X11Windows(server).ask_to_close(Window(number=8, title=CODE))
    assert [to for to, _, _ in server.sent] == [8]


def test_a_server_that_goes_is_told_and_let_go_of() -> None:
    server = FakeXServer()
    windows = X11Windows(server)
    server.is_gone = True
    with pytest.raises(OSError, match="cannot be reached"):
        windows.all()
    windows.release()
    assert server.is_closed


def test_the_title_is_in_no_repr() -> None:
    assert "4/AbC" not in repr(Window(number=1, title=CODE))


@given(st.binary(min_size=32, max_size=64))
def test_no_reply_breaks_the_reading_of_a_property(reply: bytes) -> None:
    assert len(parse_property(reply)) <= len(reply) - 32


def test_an_error_has_neither_property_nor_children() -> None:
    assert parse_property(None) == b""
    assert parse_children(None) == ()
    assert parse_children(struct.pack("=16xH14x", 2) + numbers(3, 4)) == (3, 4)
