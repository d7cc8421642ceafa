import pytest

from brokerd_client.origins import Origin, origin_of, parse_origins


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://api.example", Origin("https", "api.example", 443)),
        ("https://API.example:443/", Origin("https", "api.example", 443)),
        ("https://api.example:8443", Origin("https", "api.example", 8443)),
        ("http://127.0.0.1:80", Origin("http", "127.0.0.1", 80)),
        ("http://[::1]:8000", Origin("http", "::1", 8000)),
        ("http://localhost", Origin("http", "localhost", 80)),
    ],
)
def test_an_origin_is_read_in_its_normal_form(text: str, origin: Origin) -> None:
    assert parse_origins([text]) == {origin}


@pytest.mark.parametrize(
    "text",
    [
        "http://api.example",
        "http://127.0.0.1.evil.example",
        "http://128.0.0.1",
        "https://good.example@evil.example",
        "https://api.example/path",
        "https://api.example?q",
        "https://api.example:http",
        "ftp://api.example",
        "api.example",
        "https://",
        "",
    ],
)
def test_what_is_no_safe_origin_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="origin"):
        parse_origins([text])


@pytest.mark.parametrize("origins", [[], (), "https://api.example"])
def test_the_origins_must_be_named_in_a_list(origins: list[str]) -> None:
    with pytest.raises(ValueError, match="name the origins"):
        parse_origins(origins)


@pytest.mark.parametrize("url", ["http://api.example/x", "nonsense", "https://[x/"])
def test_a_url_that_no_token_may_go_to_has_no_origin(url: str) -> None:
    assert origin_of(url) is None


def test_the_host_is_what_stands_behind_the_last_at_sign() -> None:
    origin = origin_of("https://api.example:443@evil.example/x")

    assert origin == Origin("https", "evil.example", 443)
