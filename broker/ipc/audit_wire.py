"""The audit's verdict in JSON. Pure."""

from broker.store.audit_check import Verdict


def verdict_reply(verdict: Verdict) -> dict[str, object]:
    """The answer of `GET /v1/audit/verify`."""
    return {
        "lines": verdict.lines,
        "last": verdict.end.sequence,
        "torn": verdict.torn,
        "faults": [
            {
                "kind": fault.kind.value,
                "file": fault.file,
                "line": fault.line,
                "what": fault.what,
            }
            for fault in verdict.faults
        ],
    }
