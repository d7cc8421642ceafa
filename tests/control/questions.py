"""A question as the daemon tells it, for the tests of whoever answers."""

CAUTION = "It may be imitated by programs running as you."

QUESTION: dict[str, object] = {
    "id": "0a1b2c3d",
    "account": "work",
    "issuer": "https://issuer.example",
    "operation": "token",
    "scopes": ["drive"],
    "resource": None,
    "socket": "admin",
    "executable": "/usr/bin/curl",
    "script": None,
    "unit": None,
    "flatpak": None,
    "snap": None,
    "uid": 1000,
    "every": False,
    "asked_at": 1800000000,
    "expires_at": 1800000300,
    "waiting": 1,
    "answers": ["once", "session", "always", "deny"],
    "title": "May curl have an access token of work?",
    "details": [
        {"name": "account", "value": "work at https://issuer.example"},
        {"name": "program", "value": "/usr/bin/curl (claimed)"},
    ],
    "caution": CAUTION,
}
SECOND = {**QUESTION, "id": "99999999", "title": "May wget have it?"}
ASKED = {"event": "question", "at": 0, "account": "work", "question": "0a1b2c3d"}
ANSWERED = {**ASKED, "event": "answered", "reason": "once"}
