"""Each peer is looked up when it must be, and remembered while it lives."""

import os
import socket

from broker.host.held_peer import Held, UidAlone
from broker.host.peer_facts import HELD, NoSystem, PeerLooker
from broker.model.peer import Peer, SocketOptions
from broker.model.peer_facts import PeerFacts


class Process:
    def __init__(self, facts: PeerFacts) -> None:
        self.facts = facts
        self.alive = True
        self.closed = 0

    def is_alive(self) -> bool:
        return self.alive

    def close(self) -> None:
        self.closed += 1


class Machine:
    """Gives out a new process each time, and remembers them."""

    def __init__(self) -> None:
        self.given: list[Process] = []

    def hold(self, connected: SocketOptions, peer: Peer) -> Held:
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE, 4)
        looked = PeerFacts(uid=peer.uid, pid=peer.pid, started=len(self.given))
        self.given.append(Process(looked))
        return self.given[-1]


class Socket:
    def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
        assert (level, optname) == (socket.SOL_SOCKET, socket.SO_TYPE)
        return bytes(buflen)


CONNECTED = Socket()


def peer(pid: int) -> Peer:
    return Peer(uid=1000, pid=pid)


def test_a_question_or_a_rule_has_the_facts_as_they_are_now() -> None:
    machine = Machine()
    looker = PeerLooker(machine)
    assert looker.look(CONNECTED, peer(7)).started == 0
    assert looker.look(CONNECTED, peer(7)).started == 1
    assert [process.closed for process in machine.given] == [1, 1]


def test_a_process_that_asks_again_is_looked_up_once() -> None:
    machine = Machine()
    looker = PeerLooker(machine)
    assert [looker.label(CONNECTED, peer(7)).started for _ in range(3)] == [0, 0, 0]
    assert len(machine.given) == 1


def test_a_connection_that_ended_meanwhile_is_no_mistake_of_ours() -> None:
    class Ended:
        def getsockopt(self, level: int, optname: int, buflen: int, /) -> bytes:
            del level, optname, buflen
            raise ValueError("negative file descriptor")  # uvloop's

    me = Peer(uid=os.geteuid(), pid=os.getpid())
    assert PeerLooker().label(Ended(), me).uid == me.uid
    assert PeerLooker().look(Ended(), me).uid == me.uid


def test_what_has_ended_is_let_go_of_when_another_comes() -> None:
    machine = Machine()
    looker = PeerLooker(machine)
    looker.label(CONNECTED, peer(7))
    looker.label(CONNECTED, peer(8))
    machine.given[0].alive = False
    looker.label(CONNECTED, peer(9))
    assert [process.closed for process in machine.given] == [1, 0, 0]


def test_another_process_of_the_same_number_is_looked_up_again() -> None:
    machine = Machine()
    looker = PeerLooker(machine)
    looker.label(CONNECTED, peer(7))
    machine.given[0].alive = False
    assert looker.label(CONNECTED, peer(7)).started == 1
    assert [process.closed for process in machine.given] == [1, 0]


def test_the_same_number_under_another_user_is_another_process() -> None:
    looker = PeerLooker(Machine())
    looker.label(CONNECTED, peer(7))
    assert looker.label(CONNECTED, Peer(uid=1001, pid=7)).uid == 1001


def test_few_processes_are_held_and_those_longest_silent_are_let_go() -> None:
    machine = Machine()
    looker = PeerLooker(machine)
    for pid in range(1, HELD + 1):
        looker.label(CONNECTED, peer(pid))
    looker.label(CONNECTED, peer(1))
    looker.label(CONNECTED, peer(HELD + 1))
    assert [process.closed for process in machine.given] == [0, 1] + [0] * (HELD - 1)
    looker.close()
    assert [process.closed for process in machine.given] == [1] * (HELD + 1)


def test_what_cannot_be_held_is_not_remembered() -> None:
    class NobodyThere:
        def __init__(self) -> None:
            self.asked = 0

        def hold(self, connected: SocketOptions, peer: Peer) -> Held:
            del connected
            self.asked += 1
            return UidAlone(PeerFacts(uid=peer.uid, has_exited=True))

    nobody = NobodyThere()
    looker = PeerLooker(nobody)
    looker.label(CONNECTED, peer(7))
    assert looker.label(CONNECTED, peer(7)).has_exited
    assert nobody.asked == 2


def test_a_system_that_is_not_asked_tells_what_came_with_the_connection() -> None:
    looker = PeerLooker(NoSystem())
    assert looker.label(CONNECTED, peer(7)) == PeerFacts(uid=1000, pid=7)
    assert looker.look(CONNECTED, peer(7)) == PeerFacts(uid=1000, pid=7)
