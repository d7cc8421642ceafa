from broker.control.foreign.exported import parse_exported
from broker.control.foreign.google_auth import parse_google_auth
from broker.control.foreign.rclone import parse_rclone
from broker.control.foreign.tools import TOOLS, candidates, tool_names


def test_a_tool_is_named_once_though_it_has_several_kinds_of_files() -> None:
    assert len(set(tool_names())) == len(tool_names()) < len(TOOLS)


def test_a_file_is_known_by_its_name() -> None:
    assert [tool.parse for tool in candidates("rclone.conf")] == [parse_rclone]


def test_a_file_that_is_called_like_much_else_is_tried_as_everything() -> None:
    parsers = [tool.parse for tool in candidates("work.json")]
    assert {parse_google_auth, parse_exported} <= set(parsers)


def test_a_file_of_another_name_is_not_read_as_a_configuration() -> None:
    parsers = [tool.parse for tool in candidates("saved")]
    assert parse_google_auth in parsers
    assert parse_rclone not in parsers
