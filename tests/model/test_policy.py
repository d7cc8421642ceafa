"""Who may do what: the boundary is the uid."""

import pytest

from broker.model.peer import Peer, Socket
from broker.model.policy import Operation, decide

ADMIN = Socket(name="admin", owner_uid=1000)


@pytest.mark.parametrize("operation", Operation)
def test_the_owner_may_do_everything_on_the_admin_socket(operation: Operation) -> None:
    decision = decide(ADMIN, Peer(uid=1000, pid=7), operation)
    assert decision.allowed
    assert decision.rule == "admin"


@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("uid", [0, 999, 1001, 65534, -1])
def test_nobody_else_may_do_anything_not_even_root(
    uid: int, operation: Operation
) -> None:
    decision = decide(ADMIN, Peer(uid=uid), operation)
    assert not decision.allowed
    assert decision.rule == "another user"


def test_a_peer_without_a_known_pid_is_judged_by_its_uid_alone() -> None:
    assert decide(ADMIN, Peer(uid=1000, pid=None), Operation.TOKEN).allowed
