"""How often an issuer is asked: what it would count, and perhaps refuse."""

import hashlib
import json
import socket
import time

from tests.bench import figures, oidc_agent
from tests.bench.broker import Broker
from tests.bench.conftest import Issuers
from tests.bench.load import Load, Target
from tests.bench.oidc_agent import OidcAgent

NARROWER = 50
FORCED = 10
REJECTION_PAUSE_SECONDS = 11
"""A token must be this old before brokerd believes that an API refuses it."""


def test_fifty_requests_with_a_narrower_scope(
    broker: Broker, agent: OidcAgent | None, load: Load, issuers: Issuers
) -> None:
    figures.title(f"{NARROWER} requests with a narrower scope: requests at the issuer")
    targets = {"brokerd": broker.token("forced", scopes=["one"])}
    if agent is not None:
        targets["oidc-agent"] = agent.token("forced", scope="one")
    for name, target in targets.items():
        before = issuers.asked("forced")
        assert load.crowd(target, 1, NARROWER)[0] == NARROWER
        goal = 1 if name == "brokerd" else None
        figures.count(name, issuers.asked("forced") - before, goal)
    if agent is None:
        figures.not_measured("oidc-agent", oidc_agent.MISSING)


def test_ten_forced_refreshes_at_once(
    broker: Broker, agent: OidcAgent | None, load: Load, issuers: Issuers
) -> None:
    figures.title(f"{FORCED} forced refreshes at once: requests at the issuer")
    token = _access_token(broker.token("forced"))
    time.sleep(REJECTION_PAUSE_SECONDS)
    digest = hashlib.sha256(token.encode()).hexdigest()
    targets = {"brokerd": broker.token("forced", rejected=digest)}
    if agent is not None:
        targets["oidc-agent"] = agent.token("forced", force=True)
    for name, target in targets.items():
        before = issuers.asked("forced")
        assert load.crowd(target, FORCED, FORCED)[0] == FORCED
        goal = 1 if name == "brokerd" else None
        figures.count(name, issuers.asked("forced") - before, goal)
    if agent is None:
        figures.not_measured("oidc-agent", oidc_agent.MISSING)


def _access_token(target: Target) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(target.socket))
        connection.sendall(target.request)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["access_token"])
