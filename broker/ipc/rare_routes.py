"""The routes that few requests go to, and whose modules are imported at the first.

Signing in, the store as a whole, the doctor and proofs are half of our code; most
daemons only hand out tokens for as long as they run. So nothing that those routes need
is imported at the top of this file, and their services are `Late` parts. The first
request waits for the import, some hundredths of a second, and so does whoever else asks
in that moment.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from broker.ipc import web
from broker.ipc.handling import ASKER, Handler, Ruled
from broker.ipc.replies import json_reply
from broker.ipc.wire import parse_body
from broker.model.errors import BadRequestError
from broker.model.issuer import IssuerPreset
from broker.model.late import Late
from broker.model.policy import Operation
from broker.services.vault import Vault

if TYPE_CHECKING:
    from broker.ipc.adding_routes import AddingRoutes
    from broker.ipc.consent_routes import ConsentRoutes
    from broker.ipc.login_routes import LoginRoutes
    from broker.ipc.moving_routes import MovingRoutes
    from broker.ipc.policy_routes import PolicyRoutes
    from broker.ipc.socket_routes import SocketRoutes
    from broker.ipc.store_routes import StoreRoutes
    from broker.services.accounts import Accounts
    from broker.services.adding import Adding
    from broker.services.audit import Audit
    from broker.services.consents import Consents
    from broker.services.deriving import Deriving
    from broker.services.doctor import Doctor
    from broker.services.id_tokens import IdTokens
    from broker.services.interfaces import Clock, PeerLooker
    from broker.services.logins import LoginService
    from broker.services.moving_in import MovingIn
    from broker.services.moving_out import MovingOut
    from broker.services.proofs import Proofs
    from broker.services.question_pages import QuestionPages
    from broker.services.sockets import Sockets
    from broker.services.store_interfaces import StoreKeys
    from broker.services.store_making import StoreMaker


class RareServices(msgspec.Struct, frozen=True, kw_only=True):
    """What those routes ask."""

    audit: "Audit | None"
    presets: Mapping[str, IssuerPreset]
    logins: Late["LoginService"]
    accounts: Late["Accounts"]
    adding: Late["Adding"]
    deriving: Late["Deriving"]
    moving_in: Late["MovingIn"]
    moving_out: Late["MovingOut"]
    maker: Late["StoreMaker"]
    keys: Late["StoreKeys"]
    doctor: Late["Doctor"]
    proofs: Late["Proofs"]
    looker: Late["PeerLooker"]
    id_tokens: Late["IdTokens"]
    sockets: Late["Sockets"]
    consents: Late["Consents"]
    question_pages: Late["QuestionPages"]


class RareRoutes:
    """Every route that is rarely asked, as a table.

    Args:
        services: to ask.
        vault: the store.
        clock: time.
        status: of the daemon, as the answer to what changes the store.
    """

    def __init__(
        self,
        services: RareServices,
        *,
        vault: Vault,
        clock: "Clock",
        status: Callable[[], dict[str, object]],
    ) -> None:
        self._services = services
        self._vault = vault
        self._clock = clock
        self._status = status
        self._login_routes = Late(self._made_login_routes)
        self._adding_routes = Late(self._made_adding_routes)
        self._consent_routes = Late(self._made_consent_routes)
        self._moving_routes = Late(self._made_moving_routes)
        self._policy_routes = Late(self._made_policy_routes)
        self._store_routes = Late(self._made_store_routes)
        self._socket_routes = Late(self._made_socket_routes)

    def table(self) -> list[Ruled]:
        """Each with what a peer must be permitted to get to it."""
        login, manage = Operation.LOGIN, Operation.MANAGE
        return [
            *((login, each) for each in self._of_logins()),
            *((manage, each) for each in self._of_moving()),
            *((manage, each) for each in self._of_consent()),
            *((manage, each) for each in self._of_the_store()),
            *((manage, each) for each in self._of_policy()),
            *((manage, each) for each in self._of_sockets()),
            (Operation.DPOP_PROOF, web.post("/v1/dpop-proof", self.dpop_proof)),
            (Operation.ID_TOKEN, web.post("/v1/id-token", self.id_token)),
            (Operation.LIST, web.get("/v1/issuers", self.issuers)),
            (manage, web.get("/v1/doctor", self.doctor)),
            (manage, web.get("/v1/audit/verify", self.verify_audit)),
        ]

    def _of_logins(self) -> list[web.RouteDef]:
        login = self._login_routes.get
        return [
            web.post("/v1/logins", _late(lambda: login().start)),
            web.get("/v1/logins", _late(lambda: login().list)),
            web.get("/v1/logins/{id}", _late(lambda: login().show)),
            web.delete("/v1/logins/{id}", _late(lambda: login().cancel)),
            web.post("/v1/logins/{id}/response", _late(lambda: login().respond)),
        ]

    def _of_moving(self) -> list[web.RouteDef]:
        moving = self._moving_routes.get
        adding = self._adding_routes.get
        return [
            web.put("/v1/accounts/{name}", _late(lambda: adding().add)),
            web.post("/v1/accounts", _late(lambda: moving().take_over)),
            web.post("/v1/accounts/{name}/export", _late(lambda: moving().export)),
        ]

    def _of_consent(self) -> list[web.RouteDef]:
        consent = self._consent_routes.get
        return [
            web.get("/v1/questions", _late(lambda: consent().questions)),
            web.post("/v1/questions/{id}", _late(lambda: consent().answer)),
            web.post("/v1/questions/{id}/page", _late(lambda: consent().page)),
            web.get("/v1/consents", _late(lambda: consent().consents)),
            web.delete("/v1/consents", _late(lambda: consent().revoke_all)),
            web.delete("/v1/consents/{id}", _late(lambda: consent().revoke)),
        ]

    def _of_the_store(self) -> list[web.RouteDef]:
        store = self._store_routes.get
        return [
            web.post("/v1/store", _late(lambda: store().make_store)),
            web.post("/v1/unlock", _late(lambda: store().unlock)),
            web.post("/v1/lock", _late(lambda: store().lock)),
            web.get("/v1/key-sources", _late(lambda: store().sources)),
            web.post("/v1/slots", _late(lambda: store().add_slot)),
            web.delete("/v1/slots/{slot}", _late(lambda: store().remove_slot)),
            web.post("/v1/slots/{slot}/rotate", _late(lambda: store().rotate_slot)),
            web.post("/v1/data-key/rotate", _late(lambda: store().rotate_data_key)),
            web.post("/v1/backup", _late(lambda: store().backup)),
            web.post("/v1/restore", _late(lambda: store().restore)),
        ]

    def _of_policy(self) -> list[web.RouteDef]:
        policy = self._policy_routes.get
        return [
            web.get("/v1/policy", _late(lambda: policy().show)),
            web.put("/v1/policy", _late(lambda: policy().set)),
            web.post("/v1/policy/test", _late(lambda: policy().test)),
        ]

    def _of_sockets(self) -> list[web.RouteDef]:
        sockets = self._socket_routes.get
        return [
            web.post("/v1/sockets", _late(lambda: sockets().add)),
            web.get("/v1/sockets", _late(lambda: sockets().list)),
            web.delete("/v1/sockets/{name}", _late(lambda: sockets().remove)),
        ]

    async def dpop_proof(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/dpop-proof`."""
        from broker.ipc import proof_wire  # noqa: PLC0415 - see the top

        body = parse_body(await request.read(), proof_wire.ProofBody)
        wanted = proof_wire.proof_wanted(body)
        served = self._services.proofs.get().proof(request[ASKER], wanted)
        return json_reply(proof_wire.proof_reply(served))

    async def id_token(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/id-token`."""
        from broker.ipc import id_token_wire  # noqa: PLC0415 - see the top

        body = parse_body(await request.read(), id_token_wire.IdTokenBody)
        wanted = id_token_wire.id_token_wanted(body)
        served = await self._services.id_tokens.get().id_token(request[ASKER], wanted)
        accept = request.headers.get("Accept", "")
        headers, answer = id_token_wire.id_token_answer(served, accept)
        return web.Response(body=answer, headers=headers)

    async def issuers(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/issuers`."""
        from broker.ipc.issuer_wire import issuers_reply  # noqa: PLC0415 - see the top

        return json_reply(issuers_reply(self._services.presets))

    async def doctor(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/doctor`."""
        from broker.ipc.doctor_wire import doctor_reply  # noqa: PLC0415 - see the top

        return json_reply(doctor_reply(await self._services.doctor.get().examine()))

    async def verify_audit(self, _: web.Request) -> web.StreamResponse:
        """`GET /v1/audit/verify`."""
        from broker.ipc.audit_wire import verdict_reply  # noqa: PLC0415 - see the top

        self._vault.require_open()
        audit = self._services.audit
        if audit is None:
            raise BadRequestError(what="the audit is switched off in config.toml")
        return json_reply(verdict_reply(await audit.verify()))

    def _made_login_routes(self) -> "LoginRoutes":
        from broker.ipc.login_routes import LoginRoutes  # noqa: PLC0415 - see the top

        return LoginRoutes(self._services.logins.get())

    def _made_adding_routes(self) -> "AddingRoutes":
        from broker.ipc.adding_routes import AddingRoutes  # noqa: PLC0415 - see the top

        services = self._services
        return AddingRoutes(services.adding.get(), services.deriving.get())

    def _made_consent_routes(self) -> "ConsentRoutes":
        from broker.ipc.consent_routes import (  # noqa: PLC0415 - see the top
            ConsentRoutes,
        )

        services = self._services
        return ConsentRoutes(
            services.consents.get(), services.question_pages, self._clock
        )

    def _made_moving_routes(self) -> "MovingRoutes":
        from broker.ipc.moving_routes import MovingRoutes  # noqa: PLC0415 - see the top

        services = self._services
        return MovingRoutes(services.moving_in.get(), services.moving_out.get())

    def _made_policy_routes(self) -> "PolicyRoutes":
        from broker.host.peer_facts import (  # noqa: PLC0415 - see the top
            facts_of_process,
        )
        from broker.ipc.policy_routes import (  # noqa: PLC0415 - see the top
            PolicyRoutes,
        )

        looker = self._services.looker.get()
        return PolicyRoutes(self._vault, looker, facts_of_process)

    def _made_socket_routes(self) -> "SocketRoutes":
        from broker.ipc.socket_routes import (  # noqa: PLC0415 - see the top
            SocketRoutes,
        )

        return SocketRoutes(self._services.sockets.get(), self._services.looker)

    def _made_store_routes(self) -> "StoreRoutes":
        from broker.ipc.store_routes import StoreRoutes  # noqa: PLC0415 - see the top

        return StoreRoutes(
            vault=self._vault,
            maker=self._services.maker.get(),
            keys=self._services.keys.get(),
            status=self._status,
        )


def _late(find: Callable[[], Handler]) -> Handler:
    """A handler that is looked for at each request, and so made at the first."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await find()(request)

    return handler
