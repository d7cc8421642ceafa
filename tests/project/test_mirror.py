"""Every module has a test file of its name, in the room of its name."""

from pathlib import Path

from tests.project.tree import ROOT, modules

TESTED_BY = {
    "broker/__main__.py": "tests/project/test_wheels.py",
    "broker/services/id_token_checks.py": "tests/services/test_id_tokens.py",
    "broker/control/__main__.py": "tests/project/test_wheels.py",
    "broker/control/adding_oauth.py": "tests/control/test_adding.py",
    "broker/control/adding_words.py": "tests/control/test_adding.py",
    "broker/control/broker.py": "tests/system/test_main_line.py",
    "broker/control/foreign/email_proxy.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/exported.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/forges.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/found.py": "tests/contracts/test_foreign_files.py",
    "broker/control/foreign/gcloud.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/google_auth.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/mcp_remote.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/mutt.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/oauth2l.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/oidc_agent.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/pizauth.py": "tests/control/foreign/test_parsers.py",
    "broker/control/foreign/rclone.py": "tests/control/foreign/test_parsers.py",
    "broker/control/import_copies.py": "tests/control/test_importing.py",
    "broker/control/import_google.py": "tests/control/test_importing.py",
    "broker/control/import_requests.py": "tests/control/test_importing.py",
    "broker/control/import_sources.py": "tests/control/test_importing.py",
    "broker/control/login_report.py": "tests/control/test_login.py",
    "broker/control/login_request.py": "tests/control/test_login_words.py",
    "broker/control/systemd.py": "tests/control/test_service.py",
    "broker/control/adding_google.py": "tests/control/test_adding.py",
    "broker/ipc/adding_oauth.py": "tests/ipc/test_adding_wire.py",
    "broker/ipc/adding_routes.py": "tests/ipc/test_vectors.py",
    "broker/ipc/audit_wire.py": "tests/ipc/test_recorded.py",
    "broker/ipc/doctor_wire.py": "tests/ipc/test_vectors.py",
    "broker/ipc/handling.py": "tests/ipc/test_routes.py",
    "broker/ipc/issuer_wire.py": "tests/ipc/test_vectors.py",
    "broker/ipc/policy_routes.py": "tests/ipc/test_vectors.py",
    "broker/ipc/rare_routes.py": "tests/ipc/test_routes.py",
    "broker/ipc/moving_routes.py": "tests/ipc/test_vectors.py",
    "broker/ipc/replies.py": "tests/ipc/test_routes.py",
    "broker/ipc/web.py": "tests/ipc/test_server.py",
    "broker/ipc/store_replies.py": "tests/ipc/test_store_wire.py",
    "broker/host/dpapi.py": "tests/system/windows/test_dpapi.py",
    "broker/host/held_peer.py": "tests/host/test_peer_facts.py",
    "broker/host/files_posix.py": "tests/host/test_files.py",
    "broker/host/files_windows.py": "tests/system/windows/test_files.py",
    "broker/host/pipe_windows.py": "tests/system/windows/test_pipe.py",
    "broker/host/process_posix.py": "tests/host/test_process.py",
    "broker/host/windows.py": "tests/host/test_window_titles.py",
    "broker/host/win32.py": "tests/system/windows/test_files.py",
    "broker/host/window_titles_windows.py": (
        "tests/system/windows/test_window_titles.py"
    ),
    "broker/host/xcb.py": "tests/system/test_titles.py",
    "broker/model/client.py": "tests/oauth/test_client_authentication.py",
    "broker/model/event.py": "tests/services/test_events.py",
    "broker/model/finding.py": "tests/services/test_doctor.py",
    "broker/model/grant.py": "tests/store/test_records.py",
    "broker/model/log_out.py": "tests/services/test_accounts.py",
    "broker/model/http.py": "tests/net/test_outbound.py",
    "broker/model/issuer.py": "tests/oauth/test_metadata.py",
    "broker/model/question.py": "tests/services/test_gate.py",
    "broker/services/arrivals.py": "tests/services/test_adding.py",
    "broker/services/foreign_sign_in.py": "tests/services/test_moving_in.py",
    "broker/services/audit_interfaces.py": "tests/services/test_audit.py",
    "broker/services/audit_settings.py": "tests/services/test_audit.py",
    "broker/services/open_question.py": "tests/services/test_consents.py",
    "broker/services/question_limits.py": "tests/services/test_consents.py",
    "broker/host/process_ends.py": "tests/contracts/test_processes.py",
    "broker/services/socket_runners.py": "tests/services/test_sockets.py",
    "broker/services/remembering.py": "tests/services/test_consents.py",
    "broker/consent_parts.py": "tests/test_parts.py",
    "broker/model/question_page.py": "tests/services/test_question_pages.py",
    "broker/net/question_site.py": "tests/contracts/test_question_site.py",
    "broker/ipc/consent_routes.py": "tests/ipc/test_vectors.py",
    "broker/ipc/consent_wire.py": "tests/ipc/test_vectors.py",
    "broker/control/agent_notification.py": "tests/system/test_consent.py",
    "broker/control/agent_page.py": "tests/control/test_agent_questions.py",
    "broker/control/agent_unlock.py": "tests/control/test_agent.py",
    "broker/control/installed_files.py": "tests/control/test_service.py",
    "broker/control/questions.py": "tests/control/test_approve.py",
    "broker/control/session_bus.py": "tests/system/test_consent.py",
    "broker/control/ways.py": "tests/control/test_agent_questions.py",
    "broker/model/premises.py": "tests/host/test_premises.py",
    "broker/model/google.py": "tests/store/test_records.py",
    "broker/model/unattended.py": "tests/store/test_records.py",
    "broker/model/way.py": "tests/services/test_by_redirect.py",
    "broker/model/store.py": "tests/services/test_vault.py",
    "broker/model/redirect.py": "tests/services/test_login.py",
    "broker/model/time.py": "tests/contracts/test_clock.py",
    "broker/net/connection.py": "tests/contracts/test_loopback_hardening.py",
    "broker/net/loopback.py": "tests/contracts/test_redirect_listener.py",
    "broker/net/loopback_sockets.py": "tests/contracts/test_loopback_ports.py",
    "broker/net/sessions.py": "tests/contracts/test_outbound_connections.py",
    "broker/net/site.py": "tests/contracts/test_loopback_hardening.py",
    "broker/net/socks.py": "tests/contracts/test_outbound_proxies.py",
    "broker/oauth/faults.py": "tests/oauth/test_members.py",
    "broker/sandbox/application.py": "tests/sandbox/test_server.py",
    "broker/sandbox/endpoints.py": "tests/sandbox/test_tokens.py",
    "broker/sandbox/files.py": "tests/sandbox/test_drive.py",
    "broker/sandbox/pages.py": "tests/sandbox/test_authorize.py",
    "broker/sandbox/signing.py": "tests/sandbox/test_tokens.py",
    "broker/sandbox/token_routes.py": "tests/sandbox/test_tokens.py",
    "broker/sandbox/validator.py": "tests/sandbox/test_authorize.py",
    "broker/sandbox/wire.py": "tests/sandbox/test_server.py",
    "broker/services/at_hand.py": "tests/services/test_grants.py",
    "broker/services/holders.py": "tests/services/test_redemption.py",
    "broker/services/interfaces.py": "tests/contracts/test_grant_store.py",
    "broker/services/google_door.py": "tests/services/test_minting_google.py",
    "broker/services/google_flow.py": "tests/services/test_minting_google.py",
    "broker/services/workload_tokens.py": "tests/services/test_minting_google.py",
    "broker/services/minters.py": "tests/services/test_minting_oauth.py",
    "broker/services/minting.py": "tests/services/test_minting_oauth.py",
    "broker/services/refresh.py": "tests/services/test_tokens_refused.py",
    "broker/services/revoker.py": "tests/services/test_accounts.py",
    "broker/services/store_interfaces.py": "tests/services/test_vault.py",
    "broker/services/store_state.py": "tests/services/test_vault.py",
    "broker/services/token_endpoint.py": "tests/services/test_skew.py",
    "broker/services/recording.py": "tests/services/test_audit.py",
    "broker/services/unrecorded.py": "tests/services/test_audit.py",
    "broker/services/unsaved.py": "tests/services/test_grants.py",
    "broker/services/token_cache.py": "tests/services/test_tokens.py",
    "broker/services/way_in.py": "tests/services/test_by_redirect.py",
    "broker/sign_in_parts.py": "tests/test_daemon.py",
    "broker/socket_parts.py": "tests/system/test_restricted.py",
    "broker/store/building.py": "tests/store/test_door.py",
    "broker/store/connection.py": "tests/store/test_database.py",
    "broker/store/keys/kept.py": "tests/contracts/test_key_source.py",
    "broker/store/keys/passphrase.py": "tests/store/test_keys.py",
    "broker/store/keys/plain.py": "tests/store/test_keys.py",
    "broker/store/keys/source.py": "tests/store/test_keys.py",
    "broker/store/transactions.py": "tests/store/test_damage.py",
    "broker/store/schema.py": "tests/store/test_database.py",
}
"""A module without a test file of its own, and the file that tests it."""


def own_test(module: Path) -> str:
    """'broker/net/outbound.py' is tested by 'tests/net/test_outbound.py'."""
    room = module.parent.relative_to("broker")
    return str("tests" / room / f"test_{module.name}")


def has_code(module: Path) -> bool:
    return module.name != "__init__.py"


def test_every_module_is_tested_where_one_looks_for_it() -> None:
    untested = {
        str(module)
        for module in modules("broker")
        if has_code(module) and not (ROOT / own_test(module)).exists()
    }
    assert untested - TESTED_BY.keys() == set(), "neither tested nor listed"
    assert TESTED_BY.keys() - untested == set(), "listed, but tested or gone"


def test_the_tests_named_for_the_others_are_there() -> None:
    missing = {test for test in TESTED_BY.values() if not (ROOT / test).exists()}
    assert missing == set()
