"""Restricted sockets over HTTP: with which process one ends."""

import os

import pytest

from broker.model.peer_facts import PeerFacts
from broker.model.restriction import Runner, SocketName
from tests.ipc.conftest import Serve
from tests.services.world import a_grant, a_world

ME = PeerFacts(uid=os.geteuid(), pid=4711, started=7)


@pytest.mark.parametrize(
    ("members", "runner"),
    [({}, None), ({"with_me": True}, Runner(pid=4711, started=7))],
)
async def test_a_socket_ends_with_whoever_makes_it_where_that_is_wished(
    serve: Serve, members: dict[str, object], runner: Runner | None
) -> None:
    world = await a_world(a_grant())
    world.looker.facts = ME
    served = await serve(world)
    body = {"name": "job", "accounts": ["work"], **members}
    said = await served.ask("POST", "/v1/sockets", body)
    assert said.json["with_process"] == (None if runner is None else 4711)
    record = world.vault.require_open().sockets.find(SocketName("job"))
    assert record is not None
    assert record.restriction.runner == runner


async def test_one_whose_process_nobody_knows_stays_until_it_is_removed(
    serve: Serve,
) -> None:
    world = await a_world(a_grant())
    served = await serve(world)  # of it nothing is known but the pid
    body = {"name": "job", "accounts": ["work"], "with_me": True}
    said = await served.ask("POST", "/v1/sockets", body)
    assert (said.status, said.json["with_process"]) == (201, None)
