"""Exit codes of brokerctl and of the commands beside it: one table."""

from __future__ import annotations

OK = 0
INTERNAL = 1
USAGE = 2
INTERRUPTED = 130

EXIT_CODES: dict[str, int] = {
    "internal_error": INTERNAL,
    "bad_request": USAGE,
    "paste_refused": USAGE,
    "way_refused": USAGE,
    "broker_unreachable": 3,
    "unknown_account": 4,
    "no_accounts": 4,
    "login_required": 5,
    "login_refused": 6,
    "login_timed_out": 7,
    "device_code_expired": 7,
    "login_failed": 8,
    "another_person": 8,
    "issuer_unreachable": 9,
    "issuer_mismatch": 10,
    "issuer_moved": 10,
    "issuer_invalid": 11,
    "issuer_malformed": 11,
    "dpop_unsupported": 11,
    "resource_invalid": 11,
    "client_secrets_invalid": 12,
    "client_document_invalid": 12,
    "credential_file_invalid": 12,
    "port_in_use": 13,
    "socket_not_trusted": 14,
    "store_corrupt": 15,
    "locked": 16,
    "wrong_passphrase": 16,
    "account_needed": 17,
    "scope_not_granted": 18,
    "scope_refused": 18,
    "not_narrowed": 18,
    "device_scope_refused": 18,
    "resource_not_granted": 18,
    "client_rejected": 19,
    "registration_refused": 19,
    "credential_refused": 19,
    "clock_wrong": 19,
    "workload_token_missing": 19,
    "refresh_refused": 20,
    "reauthentication_required": 21,
    "not_permitted": 22,
    "issuer_overloaded": 23,
    "store_failed": 24,
    "sign_in_incomplete": 25,
    "issuer_needed": 25,
    "directory_unsafe": 26,
    "already_running": 27,
    "config_invalid": 28,
    "store_exists": 29,
    "not_revoked": 30,
    "service_failed": 31,
    "stopping": 32,
    "key_source_unavailable": 33,
    "key_slot_refused": 34,
    "backup_invalid": 35,
    "policy_refused": 36,
    "delegation_refused": 36,
    "impersonation_refused": 36,
    "account_busy": 37,
    "too_many_listeners": 38,
    "unhealthy": 39,
    "account_exists": 40,
    "import_refused": 41,
    "not_exportable": 42,
    "foreign_file_invalid": 43,
    "no_id_token": 44,
    "audience_refused": 44,
    "too_many_requests": 50,
    "consent_pending": 51,
    "unknown_socket": 52,
    "socket_exists": 53,
    "socket_unusable": 54,
    "unknown_question": 56,
    "unknown_consent": 56,
    "audit_broken": 58,
}
"""Error code to exit code. Scripts rely on these numbers: they never change."""


def exit_code(code: str) -> int:
    """The exit code for an error code; 1 for every code that has none of its own."""
    return EXIT_CODES.get(code, INTERNAL)


def exit_code_lines() -> list[str]:
    """One line an exit code for `--help`, such as '  5  login_required'."""
    by_number: dict[int, list[str]] = {}
    for code, number in EXIT_CODES.items():
        by_number.setdefault(number, []).append(code)
    by_number[OK] = ["ok"]
    by_number[INTERRUPTED] = ["interrupted"]
    return [f"  {n:>3}  {', '.join(c)}" for n, c in sorted(by_number.items())]
