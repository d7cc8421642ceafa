"""Metadata of a protected resource: tokens must never go astray because of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.model.errors import ResourceInvalidError
from broker.oauth.protected_resource import (
    MOST_AUTHORIZATION_SERVERS,
    ProtectedResource,
    check_metadata_url,
    is_same_resource,
    parse_protected_resource,
    parse_resource_url,
    resource_metadata_urls,
)

MCP = "https://mcp.example/public/mcp"
ISSUER = "https://issuer.example"
ROOT = "https://mcp.example/.well-known/oauth-protected-resource"
METADATA: dict[str, object] = {"resource": MCP, "authorization_servers": [ISSUER]}


def parse(**members: object) -> ProtectedResource:
    document = json.dumps({**METADATA, **members}).encode()
    return parse_protected_resource(document, resource=MCP)


def test_rfc9728_section_3_1_the_well_known_path_goes_between_host_and_path() -> None:
    assert resource_metadata_urls(MCP) == (f"{ROOT}/public/mcp", ROOT)
    assert resource_metadata_urls("https://mcp.example/a/?k=1") == (
        f"{ROOT}/a/?k=1",
        ROOT,
    )


@pytest.mark.parametrize("resource", ["https://mcp.example", "https://mcp.example/"])
def test_a_resource_without_a_path_has_one_place(resource: str) -> None:
    assert resource_metadata_urls(resource) == (ROOT,)


def test_the_metadata_says_issuers_and_scopes() -> None:
    found = parse(
        authorization_servers=[ISSUER, "https://b.example/t", ISSUER],
        scopes_supported=["files:read", "not a scope", "mail"],
        bearer_methods_supported=["header", "body"],
        resource_name="Files",
    )
    assert found == ProtectedResource(
        resource=MCP,
        authorization_servers=(ISSUER, "https://b.example/t"),
        scopes_supported=("files:read", "mail"),
    )
    assert parse().scopes_supported is None


@pytest.mark.parametrize(
    "other",
    [
        "https://evil.example/public/mcp",
        "https://mcp.example",
        "https://mcp.example/public",
        "https://mcp.example/public/mcp/",
        "https://MCP.example/public/mcp",
        "https://[",
        "\x1b]0;x\x07",
        "",
    ],
)
def test_rfc9728_section_3_3_metadata_of_another_resource_is_not_used(
    other: str,
) -> None:
    with pytest.raises(ResourceInvalidError) as caught:
        parse(resource=other)
    assert "\x1b" not in caught.value.what


def test_an_empty_path_is_the_same_resource_as_a_slash() -> None:
    assert is_same_resource("https://mcp.example", "https://mcp.example/")
    assert not is_same_resource("https://mcp.example/a", "https://mcp.example/a/")
    found = parse_protected_resource(
        b'{"resource": "https://mcp.example/"}', resource="https://mcp.example"
    )
    assert found.resource == "https://mcp.example/"


@pytest.mark.parametrize(
    "server",
    [
        "http://issuer.example",
        "http://127.0.0.1:8080",
        "javascript:alert(1)",
        "https://u:p@issuer.example",
        "--flag",
        "https://issuer.example/#f",
        "https://issuer.example\n",
    ],
)
def test_an_authorization_server_that_none_can_be_is_refused(server: str) -> None:
    with pytest.raises(ResourceInvalidError):
        parse(authorization_servers=[ISSUER, server])


@pytest.mark.parametrize(
    "members",
    [
        {"resource": None},
        {"resource": 1},
        {"authorization_servers": ISSUER},
        {"authorization_servers": [1]},
        {"scopes_supported": "files"},
        {"bearer_methods_supported": []},
        {"bearer_methods_supported": ["query"]},
        {
            "authorization_servers": [
                f"https://i{n}.example" for n in range(MOST_AUTHORIZATION_SERVERS + 1)
            ]
        },
    ],
)
def test_members_that_cannot_be_used_are_told(members: dict[str, object]) -> None:
    with pytest.raises(ResourceInvalidError):
        parse(**members)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b'{"resource":1,"resource":2}']
)
def test_what_is_no_metadata_is_told_with_the_resource(body: bytes) -> None:
    with pytest.raises(ResourceInvalidError) as caught:
        parse_protected_resource(body, resource=MCP)
    assert caught.value.resource == MCP


@given(st.binary())
def test_whatever_comes_is_metadata_or_an_error(body: bytes) -> None:
    with pytest.raises(ResourceInvalidError):
        parse_protected_resource(body, resource=MCP)


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example",
        "ftp://a/b",
        "mcp.example",
        "https://a/#f",
        "",
        "https://a b",
    ],
)
def test_a_resource_is_an_https_url_or_one_of_loopback(url: str) -> None:
    with pytest.raises(ResourceInvalidError):
        parse_resource_url(url)
    for good in (MCP, "http://127.0.0.1:3000/mcp", "http://localhost/mcp?tenant=1"):
        assert parse_resource_url(good) == good


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://10.0.0.1/", "file:///a"])
def test_a_resource_on_the_network_makes_nobody_ask_local_services(url: str) -> None:
    with pytest.raises(ResourceInvalidError):
        check_metadata_url(url, resource=MCP)
    assert check_metadata_url("https://cdn.example/m", resource=MCP)
    assert check_metadata_url("http://127.0.0.1/m", resource="http://127.0.0.1:1/mcp")
