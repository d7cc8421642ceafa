"""What `doctor` found, as it is told: on the wire and by brokerctl. Pure."""

from broker.model.finding import Finding, worst


def doctor_reply(findings: tuple[Finding, ...]) -> dict[str, object]:
    """`GET /v1/doctor`; the shape is that of clients/PROTOCOL.md."""
    return {
        "level": worst(findings).value,
        "findings": [
            {
                "check": finding.check,
                "level": finding.level.value,
                "what": finding.what,
                "hint": finding.hint,
            }
            for finding in findings
        ],
    }
