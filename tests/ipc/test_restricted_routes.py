"""On a restricted socket there is what it permits, and nothing else."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.ipc.routes import Routes
from broker.ipc.server import LARGEST_RESTRICTED_BODY
from broker.model.peer import Socket
from broker.model.policy import Operation
from broker.model.restriction import FOR_RESTRICTED, Restriction, SocketName
from broker.model.time import UnixTime
from tests.ipc.conftest import Serve
from tests.ipc.served import Served
from tests.services.derived import CI as VIEW
from tests.services.derived import a_view
from tests.services.world import HOME, WORK, a_grant, a_world, token_answer

CI = Restriction(
    name=SocketName("ci"),
    accounts=(WORK,),
    scopes=frozenset({"drive"}),
    made_at=UnixTime(0),
)
EVERYTHING = Restriction(
    name=SocketName("ci"),
    accounts=(WORK,),
    operations=FOR_RESTRICTED,
    made_at=UnixTime(0),
)


def replace_operations(operations: frozenset[Operation]) -> Restriction:
    """The socket `ci`, for these."""
    return msgspec.structs.replace(CI, operations=operations)


NAMES = re.compile(r"\{\w+\}")


def routes_on(served: Served, restriction: Restriction | None) -> set[tuple[str, str]]:
    """Method and path of every route behind a door."""
    door = Socket(name="x", owner_uid=1000, restriction=restriction)
    table = Routes(served._services()).table(door)
    return {(each.method, NAMES.sub("x", each.path)) for each in table}


async def test_it_gives_its_own_narrowed_token(serve: Serve) -> None:
    world = await a_world(a_grant(), a_grant(HOME))
    world.sender.script(token_answer(scope="drive"))
    served = await serve(world, restriction=CI)
    said = await served.ask("POST", "/v1/token", {})
    assert said.json["account"] == WORK
    assert said.json["scopes"] == ["drive"]
    assert world.sender.form()["scope"] == "drive"
    again = await served.ask("POST", "/v1/token", {})
    assert again.json["access_token"] == said.json["access_token"]
    for wider in ({"scopes": ["mail"]}, {"account": "home"}):
        assert (await served.ask("POST", "/v1/token", wider)).code == "not_permitted"


async def test_only_its_own_accounts_are_shown(serve: Serve) -> None:
    served = await serve(await a_world(a_grant(), a_grant(HOME)), restriction=CI)
    said = await served.ask("GET", "/v1/accounts")
    assert [each["account"] for each in said.json["accounts"]] == [WORK]  # type: ignore[attr-defined]
    assert said.json["default"] is None


async def test_of_its_accounts_no_more_is_told_than_may_be_had(serve: Serve) -> None:
    world = await a_world(a_grant(scopes="drive mail"), a_view("drive"))
    own = msgspec.structs.replace(CI, accounts=(WORK, VIEW))
    served = await serve(world, restriction=own)

    async def shown() -> list[dict[str, object]]:
        found = (await served.ask("GET", "/v1/accounts")).json["accounts"]
        assert isinstance(found, list)
        return found

    assert [each["scopes"] for each in await shown()] == [["drive"], ["drive"]]
    assert (await shown())[1]["from"] is None
    # What it is a view of has gone: that is told, and not what its name was.
    del world.grants._grants[WORK]
    (view,) = await shown()
    assert (view["state"], view["ended_because"]) == ("signed_out", None)


async def test_administration_does_not_exist_whatever_is_permitted(
    serve: Serve,
) -> None:
    served = await serve(await a_world(a_grant()), restriction=EVERYTHING)
    there = routes_on(served, EVERYTHING)
    gone = routes_on(served, None) - there
    assert ("POST", "/v1/stop") in gone
    assert ("PUT", "/v1/default") in gone
    assert len(gone) > len(there)
    for method, path in sorted(gone):
        said = await served.ask(method, path, None if method == "GET" else {})
        if method == "HEAD":
            assert said.status == 403
        else:
            assert said.code == "not_permitted", (method, path)
    assert not served.stops


@pytest.mark.parametrize("path", ["/v1/restore", "/v1/token", "/v1/nowhere"])
async def test_a_body_is_not_kept_in_memory_whatever_path_it_is_for(
    serve: Serve, path: str
) -> None:
    served = await serve(await a_world(a_grant()), restriction=CI)
    body = b" " * (LARGEST_RESTRICTED_BODY + 1)
    said = await served.ask("POST", path, raw=body)
    assert (said.status, said.code) == (413, "too_large")


@given(operations=st.frozensets(st.sampled_from(Operation)))
def test_no_socket_is_for_administration_whatever_it_says_of_itself(
    operations: frozenset[Operation],
) -> None:
    own = replace_operations(operations)
    permitted = {each for each in Operation if own.permits(each)}
    assert permitted <= FOR_RESTRICTED | {Operation.ACCOUNTS}
    assert permitted - {Operation.ACCOUNTS} <= operations


@pytest.mark.parametrize("operation", FOR_RESTRICTED)
async def test_each_operation_brings_its_own_paths_only(
    serve: Serve, operation: Operation
) -> None:
    served = await serve(await a_world(a_grant()), restriction=CI)
    one = replace_operations(frozenset({operation}))
    of_all = routes_on(served, CI) & routes_on(served, replace_operations(frozenset()))
    paths = {path for _, path in routes_on(served, one) - of_all}
    word = f"/v1/{operation.value}"
    assert all(path.startswith(word) for path in paths), paths
