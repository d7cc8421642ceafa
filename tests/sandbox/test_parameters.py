import base64

import pytest

from broker.sandbox.parameters import (
    AUTHORIZATION,
    TOKEN,
    parse_basic,
    parse_pairs,
    parse_parameters,
)


def test_parameters_without_a_value_count_as_absent() -> None:
    assert parse_parameters("scope=&state=x", AUTHORIZATION) == {"state": "x"}


@pytest.mark.parametrize("name", ["client", "user", "scopes", "extra_credentials"])
def test_what_oauthlib_would_trust_never_reaches_it(name: str) -> None:
    assert parse_parameters(f"{name}=x", AUTHORIZATION | TOKEN) == {}


def test_a_parameter_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="state stands twice"):
        parse_parameters("state=a&state=b", AUTHORIZATION)


def test_an_unknown_parameter_may_stand_twice() -> None:
    assert parse_parameters("x=1&x=2", AUTHORIZATION) == {}


def test_rfc_8707_several_resources_are_kept() -> None:
    joined = parse_parameters("resource=a%3A1&resource=b%3A2&resource=a%3A1", TOKEN)
    assert joined == {"resource": "a:1 b:2"}


@pytest.mark.parametrize(
    "encoded",
    ["state=%ff", "state=\udcff", "resource=a%3A+b", "&".join(["a=1"] * 101)],
    ids=["not UTF-8", "a stray byte", "a space in a resource", "too many"],
)
def test_malformed_input_is_refused_without_repeating_it(encoded: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the message is looked at
        parse_parameters(encoded, AUTHORIZATION)
    assert "\\x" not in str(refused.value)
    assert len(str(refused.value)) < 60


def test_repeated_scopes_of_the_consent_form_are_all_read() -> None:
    assert parse_pairs("scope=a&scope=b") == [("scope", "a"), ("scope", "b")]


def test_rfc_6749_section_2_3_1_basic_holds_encoded_parts() -> None:
    header = "Basic " + base64.b64encode(b"a%3Ab:c%2Bd").decode()
    assert parse_basic(header) == ("a:b", "c+d")


@pytest.mark.parametrize("header", ["Bearer x", "Basic !", "Basic /w==", "", "Basic"])
def test_a_header_that_is_not_basic_names_nobody(header: str) -> None:
    assert parse_basic(header)[1] in {None, ""}
