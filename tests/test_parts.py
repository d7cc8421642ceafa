"""The parts of the daemon, and what of them it does without until it is needed."""

import subprocess
import sys

import pytest

from broker import parts
from broker.config import Config
from broker.consent_parts import _shipped_scope_words
from broker.model.issuer import IssuerPreset, PresetOrigin

RARE = (
    "broker.sign_in_parts",
    "broker.socket_parts",
    "broker.consent_parts",
    "broker.ipc.consent_routes",
    "broker.model.consent",
    "broker.net.question_site",
    "broker.services.consents",
    "broker.oauth.assertions",
    "broker.oauth.client_credentials",
    "broker.oauth.presets",
    "broker.oauth.private_keys",
    "broker.ipc.adding_routes",
    "broker.ipc.login_routes",
    "broker.host.restricted_sockets",
    "broker.ipc.restricted_doors",
    "broker.ipc.socket_routes",
    "broker.ipc.store_routes",
    "broker.services.accounts",
    "broker.services.adding",
    "broker.services.deriving",
    "broker.services.doctor",
    "broker.oauth.id_token",
    "broker.oauth.jwks",
    "broker.services.id_tokens",
    "broker.services.issuer_keys",
    "broker.services.leaver",
    "broker.services.logins",
    "broker.services.minting_exchange",
    "broker.services.google_flow",
    "broker.services.minting_google",
    "broker.services.minting_oauth",
    "broker.services.proofs",
    "broker.services.revoker",
    "broker.services.sockets",
    "broker.services.store_findings",
    "broker.services.store_making",
    "broker.services.usage",
    "broker.store.key_changes",
    "broker.store.keys.kept",
    "broker.net.loopback",
    "brokerd_client.client",
    "joserfc",
    "google.auth",
    "aiohttp.web",
    "argparse",
    "dataclasses",
)
"""What a daemon that hands out tokens never needs."""


def test_a_daemon_imports_nothing_that_is_rarely_needed() -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import broker.daemon, sys; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
    )
    imported = set(said.stdout.split())
    assert "broker.parts" in imported
    assert sorted(imported & set(RARE)) == []


def test_the_issuers_that_are_shipped_are_there() -> None:
    presets = parts.issuer_presets(Config())
    assert {"google", "microsoft", "github", "gitlab"} <= presets.keys()


def test_an_issuer_of_the_persons_file_is_there_beside_them() -> None:
    table = {"issuer": "https://acme.example"}
    presets = parts.issuer_presets(Config(issuers={"acme": table, "github": table}))
    assert presets["acme"].origin is PresetOrigin.CONFIG
    assert presets["github"].origin is PresetOrigin.CONFIG_INSTEAD
    assert presets["google"].origin is PresetOrigin.SHIPPED


def test_the_file_of_issuers_is_not_read_before_somebody_asks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = []

    def shipped() -> dict[str, IssuerPreset]:
        read.append(1)
        return {}

    monkeypatch.setattr(parts, "_shipped_presets", shipped)
    presets = parts.issuer_presets(Config())
    assert read == []
    assert "google" not in presets
    assert read == [1]


def test_what_scopes_mean_is_shipped() -> None:
    words = _shipped_scope_words()
    assert "openid" in words["any"]
    assert "https://github.com/login/oauth" in words
