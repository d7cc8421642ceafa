"""Challenges of a protected resource: what a stranger's 401 says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.oauth.challenge import (
    MAX_CHALLENGE_CHARACTERS,
    Challenge,
    parse_challenges,
)

METADATA = "https://mcp.example/.well-known/oauth-protected-resource/mcp"


def bearer(**said: object) -> Challenge:
    words: dict[str, object] = {
        "scheme": "bearer",
        "resource_metadata": None,
        "scopes": None,
        "error": None,
        **said,
    }
    return Challenge(**words)  # type: ignore[arg-type]


def test_rfc9728_section_5_1_a_challenge_says_where_the_metadata_is() -> None:
    header = f'Bearer resource_metadata="{METADATA}"'
    assert parse_challenges(header) == (bearer(resource_metadata=METADATA),)


def test_rfc6750_section_3_scopes_and_error_are_read() -> None:
    header = (
        'Bearer realm="example", error="insufficient_scope", scope="files:read  mail", '
        f'resource_metadata="{METADATA}"'
    )
    assert parse_challenges(header) == (
        bearer(
            resource_metadata=METADATA,
            scopes=("files:read", "mail"),
            error="insufficient_scope",
        ),
    )


def test_several_challenges_in_one_line_are_told_apart() -> None:
    header = (
        'Basic realm="a, b=c", Negotiate YII/+==, bEARER scope=one , '
        'DPoP algs="ES256", scope="two", Custom'
    )
    assert parse_challenges(header) == (
        bearer(scopes=("one",)),
        bearer(scheme="dpop", scopes=("two",)),
    )


@pytest.mark.parametrize("header", ["Bearer", "bearer ", ", ,Bearer,", "Basic,Bearer"])
def test_a_bare_scheme_is_a_challenge(header: str) -> None:
    assert parse_challenges(header) == (bearer(),)


def test_a_quoted_value_is_unescaped_and_made_safe_to_show() -> None:
    header = 'Bearer error="say \\"no\\" \x1b[2K"'
    assert parse_challenges(header) == (bearer(error='say "no"  [2K'),)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic realm=x",
        'Bearer scope="a", scope="b"',
        'Bearer scope="a" error="b"',
        'Bearer scope="a',
        "Bearer scope",
        "Bearer a b c",
        'Basic a Bearer scope="b"',
        'Bearer scope="a", "b"',
        "Bearer resource_metadata=https://mcp.example/",
        'Bearer scope="a"\r\nBearer scope="b"',
        'Bearer scope="' + "a" * MAX_CHALLENGE_CHARACTERS + '"',
    ],
)
def test_what_does_not_follow_the_grammar_says_nothing(header: str) -> None:
    told = [c for c in parse_challenges(header) if c != bearer()]
    assert told == []


def test_scopes_that_none_can_be_count_as_none() -> None:
    assert parse_challenges('Bearer scope="a \x9b"') == (bearer(),)
    assert parse_challenges('Bearer scope=""') == (bearer(),)


PIECES = st.sampled_from(
    [
        "Bearer",
        "DPoP",
        " ",
        ",",
        "=",
        '"',
        "\\",
        "scope",
        "a",
        "x=y",
        'e="f"',
        "\t",
        "é",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=60).map("".join)))
def test_whatever_comes_is_parsed_and_shown_safely(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme in {"bearer", "dpop"}
        assert (challenge.error or "").isprintable()


def test_a_hostile_header_costs_no_more_than_a_usual_one() -> None:
    for piece in ("Bearer ", 'a="', "a,", "a=", "\\", " "):
        header = piece * (MAX_CHALLENGE_CHARACTERS // len(piece))
        assert isinstance(parse_challenges(header), tuple)


def test_rfc9110_section_11_6_1_example() -> None:
    header = (
        'Basic realm="simple", '
        'Newauth realm="apps", type=1, title="Login to \\"apps\\""'
    )
    assert parse_challenges(header) == ()
    assert parse_challenges(header + ", Bearer scope=x") == (bearer(scopes=("x",)),)
