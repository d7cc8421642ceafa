"""What has lain in the open is marked, and cannot speak for the log."""

import json

import pytest

from broker.model.audit_unsealed import unsealed_body


def taken(**members: object) -> object:
    line = {"at": 1.5, "operation": "token", "result": "served", **members}
    body = unsealed_body(json.dumps(line).encode())
    return None if body is None else json.loads(body)


def test_what_an_entry_has_is_kept_and_marked() -> None:
    peer = {"uid": 1000, "pid": 7, "claims": {"executable": "/usr/bin/curl"}}
    assert taken(account="work", times=3, peer=peer) == {
        "at": 1.5,
        "operation": "token",
        "result": "served",
        "unsealed": True,
        "account": "work",
        "times": 3,
        "peer": peer,
    }


@pytest.mark.parametrize("name", ["audit.begin", "audit.torn", "audit.broken"])
def test_it_cannot_say_anything_of_the_chain(name: str) -> None:
    assert taken(operation=name) is None


def test_that_entries_were_lost_is_kept() -> None:
    said = taken(operation="audit.gap", lost=7, since=1.0, seq=1, mac="00")
    assert isinstance(said, dict)
    assert said["lost"] == 7
    assert not {"seq", "mac"} & said.keys()


def test_it_is_made_safe_to_show_and_has_no_mark_of_its_own() -> None:
    said = taken(
        detail="a\x1b[2K\nb", unsealed=False, peer={"uid": 1, "claims": {"\n": "\n"}}
    )
    assert isinstance(said, dict)
    assert (said["detail"], said["unsealed"]) == ("a [2K b", True)
    assert said["peer"]["claims"] == {" ": " "}


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b'{"at":1}', b"\xff", b"[" * 9999])
def test_what_is_no_entry_is_passed_over(line: bytes) -> None:
    assert unsealed_body(line) is None
