"""Credential access boundaries: what a downscoped token may do at most.

Source: https://cloud.google.com/iam/docs/downscoping-short-lived-credentials, 2026-11.
"""

import json

import msgspec

from broker.model.errors import CredentialFileError
from broker.model.strict_json import parse_json

MOST_RULES = 10
MAX_CHARACTERS = 65536


class Condition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a rule holds, in the Common Expression Language."""

    expression: str
    title: str | None = None
    description: str | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """One resource, what may be done with it, and when."""

    available_resource: str
    available_permissions: tuple[str, ...]
    availability_condition: Condition | None = None


class _Boundary(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"
):
    access_boundary_rules: tuple[Rule, ...]


def parse_boundary(text: str) -> tuple[Rule, ...]:
    """The rules of a boundary.

    Args:
        text: `{"accessBoundary": {"accessBoundaryRules": [{"availableResource": str,
            "availablePermissions": [str], "availabilityCondition"?: {"expression":
            str, "title"?: str, "description"?: str}}]}}`, or what stands within
            'accessBoundary' alone. A member that is not known is refused: what it
            should forbid would be allowed.

    Raises:
        CredentialFileError: it is something else, or has no rule, or over ten.
    """
    try:
        value = parse_json(text[: MAX_CHARACTERS + 1].encode(errors="surrogatepass"))
        if isinstance(value, dict) and value.keys() == {"accessBoundary"}:
            value = value["accessBoundary"]
        rules = msgspec.convert(value, _Boundary).access_boundary_rules
    except (ValueError, msgspec.ValidationError) as exc:
        what = f"the boundary is no credential access boundary ({exc})"
        raise CredentialFileError(what=what) from None
    if not 1 <= len(rules) <= MOST_RULES:
        what = f"a boundary has 1 to {MOST_RULES} rules, and this has {len(rules)}"
        raise CredentialFileError(what=what)
    return rules


def boundary_text(rules: tuple[Rule, ...]) -> str:
    """The rules as JSON again."""
    return json.dumps(msgspec.to_builtins(_Boundary(access_boundary_rules=rules)))
