"""Answers of `GET /v1/status`, for the tests of brokerctl."""

PLAIN_SLOT: dict[str, object] = {"slot": 1, "source": "plain", "in_use": True}
PASSPHRASE_SLOT: dict[str, object] = {
    "slot": 2,
    "source": "passphrase",
    "in_use": False,
}

STATUS: dict[str, object] = {
    "version": "1.2.3",
    "pid": 4711,
    "started_at": 1_800_000_000,
    "socket": "/run/user/1000/brokerd/broker.sock",
    "store": "open",
    "locked_because": None,
    "key_source": "plain",
    "slots": [PLAIN_SLOT],
    "generation": 7,
    "old_copy": False,
    "altered": False,
    "damaged_records": 0,
    "degraded": None,
    "accounts": 2,
    "logins": 0,
    "questions": 0,
    "issuers": [],
    "clock": [],
    "memory": {"pss_kib": 41_234},
}
TWO_SLOTS = {**STATUS, "slots": [PLAIN_SLOT, PASSPHRASE_SLOT]}
LOCKED = {
    **STATUS,
    "store": "locked",
    "locked_because": "a passphrase is needed",
    "key_source": "passphrase",
    "slots": [{**PASSPHRASE_SLOT, "slot": 1}],
    "generation": None,
    "accounts": None,
}
LOCKED_TWO_SLOTS = {
    **LOCKED,
    "locked_because": "the keyring is locked; or a passphrase",
    "slots": [{**PLAIN_SLOT, "source": "secret-service"}, PASSPHRASE_SLOT],
}
CORRUPT = {**LOCKED, "store": "corrupt", "locked_because": None, "slots": []}
NO_STORE = {
    **STATUS,
    "store": "none",
    "key_source": None,
    "slots": [],
    "accounts": None,
}
