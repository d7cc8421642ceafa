"""The routes of the policy: what is allowed to which program."""

from collections.abc import Callable

from broker.ipc import policy_wire, web
from broker.ipc.handling import ASKER
from broker.ipc.replies import json_reply
from broker.ipc.wire import parse_body
from broker.model.account import AccountName
from broker.model.errors import UnknownAccountError, UnknownSocketError
from broker.model.peer_facts import PeerFacts
from broker.model.policy import OPEN, Decision, Labels, labels
from broker.model.restriction import parse_socket_name
from broker.model.store import VaultState
from broker.services.gate import by_policy, by_socket
from broker.services.interfaces import PeerLooker
from broker.services.opened import Opened
from broker.services.policies import Policies
from broker.services.vault import Vault


class PolicyRoutes:
    """All of them; which path leads where is said in `RareRoutes`.

    Args:
        look_at: what is known of a process, by its number.
    """

    def __init__(
        self, vault: Vault, looker: PeerLooker, look_at: Callable[[int], PeerFacts]
    ) -> None:
        self._vault = vault
        self._looker = looker
        self._look_at = look_at

    async def show(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/policy`."""
        if self._vault.state is VaultState.NONE:
            return json_reply(policy_wire.policy_reply(OPEN, is_damaged=False))
        return _reply(self._policies)

    async def set(self, request: web.Request) -> web.StreamResponse:
        """`PUT /v1/policy`."""
        body = parse_body(await request.read(), policy_wire.PolicyBody)
        policy = policy_wire.policy_wanted(body)
        # The store may have to be made first: a policy can be there before a sign-in.
        await self._vault.open_for_grant()
        await self._policies.set(policy)
        return _reply(self._policies)

    async def test(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/policy/test`: of the labels given, a process, or whoever asks; or
        of a request on a restricted socket.
        """
        body = parse_body(await request.read(), policy_wire.DecisionBody)
        operation, wanted = policy_wire.request_tested(body)
        opened = self._opened(wanted.account)
        if body.socket is not None:
            name = parse_socket_name(body.socket)
            record = opened.sockets.find(name)
            if record is None:
                raise UnknownSocketError(socket=name)
            return _decided(by_socket(record, operation, wanted), {})
        known = self._labels(request, body)
        account = opened.grants.named_or_default(wanted.account)
        return _decided(by_policy(opened, account, lambda: known), known)

    def _opened(self, account: AccountName | None) -> Opened:
        if self._vault.state is VaultState.NONE:
            raise UnknownAccountError(account=str(account))
        return self._vault.require_open()

    def _labels(self, request: web.Request, body: policy_wire.DecisionBody) -> Labels:
        if body.labels is not None:
            return policy_wire.labels_wanted(body.labels)
        if body.pid is not None:
            return labels(self._look_at(body.pid))
        asker = request[ASKER]
        if asker.connected is None:
            return {}
        return labels(self._looker.look(asker.connected, asker.peer))

    @property
    def _policies(self) -> Policies:
        return self._vault.require_open().policies


def _decided(decision: Decision, known: Labels) -> web.StreamResponse:
    return json_reply(policy_wire.decision_reply(decision, known))


def _reply(policies: Policies) -> web.StreamResponse:
    return json_reply(
        policy_wire.policy_reply(policies.current, is_damaged=policies.is_damaged)
    )
