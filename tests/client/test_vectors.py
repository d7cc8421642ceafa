"""The vectors against openapi.yaml, and this client against the vectors."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from brokerd_client import AsyncBrokerClient, BrokerClient, BrokerError, Token
from brokerd_client.exit_codes import EXIT_CODES
from tests.fakes.broker import FakeBroker, http, in_turn
from tests.fakes.vectors import FOLDER, Vector, difference, example, load_vectors

API: dict[str, Any] = yaml.safe_load((FOLDER.parent / "openapi.yaml").read_text())
VECTORS = load_vectors()
SUCCEEDS = [v for v in VECTORS if v.status < 300]
MALFORMED = [v for v in VECTORS if v.file == "malformed"]
# What this client can say: it sends JSON that is JSON, and asks for JSON.
SAYABLE = [v for v in VECTORS if not v.as_text and "Accept" not in v.headers]
CALLS = [v for v in SAYABLE if v.lines is None]


def each(vectors: list[Vector]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=repr)


def operation(vector: Vector) -> dict[str, Any]:
    """What openapi.yaml says of the request's path and method."""
    path = vector.path.partition("?")[0]
    for template, item in API["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            found: dict[str, Any] = item[vector.method.lower()]
            return found
    raise AssertionError(f"openapi.yaml knows no {path}")


def resolve(node: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in node:
        return node
    found = API
    for step in node["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return found


def faults(schema: dict[str, Any], value: object) -> list[str]:
    whole = {"components": API["components"], **schema}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_reference_in_the_contract_leads_somewhere() -> None:
    used = set(references(API))
    for reference in used:
        assert resolve({"$ref": reference})
    defined = {
        f"#/components/{kind}/{name}"
        for kind, items in API["components"].items()
        for name in items
    }
    assert defined == used


def test_every_schema_is_a_schema() -> None:
    for schema in API["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_names_of_vectors_are_unique() -> None:
    names = [repr(vector) for vector in VECTORS]

    assert len(names) == len(set(names))


def test_every_operation_of_the_contract_has_a_vector_that_succeeds() -> None:
    described = {
        operation["operationId"]
        for item in API["paths"].values()
        for method, operation in item.items()
        if method != "parameters"
    }

    assert {operation(v)["operationId"] for v in SUCCEEDS} == described


@each(SUCCEEDS)
def test_a_request_that_succeeds_is_as_the_contract_says(vector: Vector) -> None:
    body = operation(vector).get("requestBody")
    if body is None:
        assert vector.request in (None, {})
        return
    schema = resolve(body)["content"]["application/json"]["schema"]
    assert faults(schema, vector.request) == []


@each([v for v in MALFORMED if v.reply_code == "bad_request" and not v.as_text])
def test_a_malformed_request_is_malformed_by_the_contract_too(vector: Vector) -> None:
    content = resolve(operation(vector)["requestBody"])["content"]

    assert faults(content["application/json"]["schema"], vector.request)


@each([v for v in VECTORS if v.reply_code not in ("not_found", "method_not_allowed")])
def test_a_reply_is_as_the_contract_says(vector: Vector) -> None:
    response = resolve(operation(vector)["responses"][str(vector.status)])
    said = vector.reply if vector.text is None else vector.text
    if said is None and vector.lines is None:
        assert "content" not in response
        return
    kind = vector.reply_headers.get("content-type", "application/json")
    schema = response["content"][kind]["schema"]
    for value in [said] if vector.lines is None else vector.lines:
        assert faults(schema, example(value)) == []


@each(VECTORS)
def test_a_problem_has_the_code_of_its_type_and_status(vector: Vector) -> None:
    if vector.reply_code is None:
        assert vector.status < 300
        return
    document = example(vector.reply)
    assert isinstance(document, dict)
    assert document["type"] == f"urn:brokerd:problem:{vector.reply_code}"
    assert document["status"] == vector.status
    assert vector.reply_code in API["components"]["schemas"]["Code"]["examples"]


def test_every_exit_code_is_of_a_code_on_the_wire_or_of_a_command() -> None:
    on_the_wire = set(API["components"]["schemas"]["Code"]["examples"])
    of_commands = {
        "broker_unreachable",
        "socket_not_trusted",
        "directory_unsafe",
        "already_running",
        "config_invalid",
        "service_failed",
        "unhealthy",
        "audit_broken",
        "foreign_file_invalid",
    }

    assert set(EXIT_CODES) <= on_the_wire | of_commands
    without = {"not_found", "method_not_allowed", "too_large", "unknown_login"}
    assert on_the_wire - set(EXIT_CODES) == {*without, "grant_changed"}


def call_waiting(vector: Vector) -> object:
    return BrokerClient().call(vector.method, vector.path, vector.request)


def call_async(vector: Vector) -> object:
    client = AsyncBrokerClient()
    return asyncio.run(client.call(vector.method, vector.path, vector.request))


def hear_waiting() -> list[object]:
    return list(BrokerClient().events())


def hear_async() -> list[object]:
    async def hear() -> list[object]:
        return [event async for event in AsyncBrokerClient().events()]

    return asyncio.run(hear())


@each(CALLS)
@pytest.mark.parametrize("call", [call_waiting, call_async], ids=["sync", "async"])
def test_the_client_sends_the_request_and_understands_the_reply(
    runtime: Path, vector: Vector, call: Callable[[Vector], object]
) -> None:
    reply = http(vector.status, example(vector.reply))
    with FakeBroker(runtime / "broker.sock", in_turn(reply)) as broker:
        try:
            answer = call(vector)
        except BrokerError as exc:
            answer = exc.problem()

    received = broker.requests[0]
    assert (received.method, received.target) == (vector.method, vector.path)
    assert received.body == (vector.content or b"")
    assert difference(vector.reply, answer) is None


@each([v for v in VECTORS if v.lines is not None])
@pytest.mark.parametrize("hear", [hear_waiting, hear_async], ids=["sync", "async"])
def test_the_client_hears_every_line_of_a_stream(
    runtime: Path, vector: Vector, hear: Callable[[], list[object]]
) -> None:
    lines = "".join(f"{json.dumps(example(line))}\n" for line in vector.lines or [])
    reply = http(vector.status, text=lines)
    with FakeBroker(runtime / "broker.sock", in_turn(reply)) as broker:
        heard = hear()

    assert (broker.requests[0].method, broker.requests[0].target) == (
        vector.method,
        vector.path,
    )
    assert difference(vector.lines, heard) is None


@each([v for v in SAYABLE if v.file == "token"])
def test_the_client_makes_a_token_of_it(runtime: Path, vector: Vector) -> None:
    asked = vector.request
    assert isinstance(asked, dict)
    arguments = {k: v for k, v in asked.items() if k != "rejected"}
    reply = http(vector.status, example(vector.reply))
    with FakeBroker(runtime / "broker.sock", in_turn(reply)) as broker:
        try:
            token: Token | BrokerError = BrokerClient().token(**arguments)
        except BrokerError as exc:
            token = exc

    sent = broker.requests[0].json
    assert sent == {"min_ttl": 300.0, **arguments}
    if isinstance(token, Token):
        assert token.value == "example-token"
    else:
        assert token.code == vector.reply_code


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        ("<token>", ""),
        ("<number>", True),
        ("<integer>", 1.5),
        ("<texts>", ["a", 1]),
        ("<url>", "ftp://x"),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": 1, "...": "<more>"}, {"b": 2}),
        ([1], [1, 2]),
        (False, 0),
        (1, "1"),
    ],
)
def test_a_difference_is_seen(pattern: object, value: object) -> None:
    assert difference(pattern, value)


def test_more_members_are_allowed_where_it_is_said() -> None:
    assert difference({"a": "<text>", "...": "<more>"}, {"a": "x", "b": 2}) is None
