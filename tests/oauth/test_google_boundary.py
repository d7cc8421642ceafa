"""Credential access boundaries."""

import json

import pytest

from broker.model.errors import CredentialFileError
from broker.oauth.google_boundary import (
    MOST_RULES,
    boundary_text,
    parse_boundary,
)

BUCKET = "//storage.googleapis.com/projects/_/buckets/logs"
RULE: dict[str, object] = {
    "availableResource": BUCKET,
    "availablePermissions": ["inRole:roles/storage.objectViewer"],
    "availabilityCondition": {"expression": "resource.name.startsWith('a')"},
}


def boundary(*rules: object) -> str:
    return json.dumps({"accessBoundary": {"accessBoundaryRules": rules}})


def test_a_boundary_has_its_rules() -> None:
    [rule] = parse_boundary(boundary(RULE))
    assert rule.available_resource == BUCKET
    assert rule.availability_condition is not None
    assert parse_boundary(boundary_text((rule,))) == (rule,)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "no JSON|not JSON"),
        ("{}", "accessBoundaryRules"),
        (boundary(), "this has 0"),
        (boundary(*[RULE] * (MOST_RULES + 1)), "this has 11"),
        (boundary({**RULE, "deny": True}), "unknown field"),
        (boundary({"availableResource": BUCKET}), "availablePermissions"),
        (boundary({**RULE, "availablePermissions": "all"}), "array"),
        ('{"accessBoundary": {}, "more": 1}', "unknown field"),
    ],
)
def test_what_would_forbid_nothing_is_refused(text: str, fault: str) -> None:
    with pytest.raises(CredentialFileError, match=fault):
        parse_boundary(text)
