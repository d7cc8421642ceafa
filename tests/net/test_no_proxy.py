import pytest

from broker.net.no_proxy import is_excepted


@pytest.mark.parametrize(
    ("host", "exception"),
    [
        ("anything.example", "*"),
        ("example.com", "example.com"),
        ("example.com", ".example.com"),
        ("a.b.example.com", "example.com"),
        ("a.example.com", ".example.com"),
        ("A.Example.COM", "example.com"),
        ("example.com", "EXAMPLE.com"),
        ("example.com.", "example.com"),
        ("example.com", "example.com."),
        ("example.com", "  example.com "),
        ("example.com", "example.com:443"),
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "10.9.9.9/8"),
        ("10.1.2.3", "10.1.2.3:443"),
        ("2001:db8::1", "2001:db8::/32"),
        ("2001:db8::1", "2001:DB8:0:0::1"),
        ("2001:db8::1", "[2001:db8::1]"),
        ("2001:db8::1", "[2001:db8::1]:443"),
    ],
)
def test_these_are_reached_without_a_proxy(host: str, exception: str) -> None:
    assert is_excepted(host, 443, ["other.example", exception])


@pytest.mark.parametrize(
    ("host", "exception"),
    [
        ("example.com", ""),
        ("example.com", "."),
        ("notexample.com", "example.com"),
        ("notexample.com", ".example.com"),
        ("example.com.evil.example", "example.com"),
        ("example.com", "a.example.com"),
        ("example.com", "*.com"),
        ("example.com", "example.com:8443"),
        ("example.com", "example.com:port"),
        ("example.com", "10.0.0.0/8"),
        ("11.1.2.3", "10.0.0.0/8"),
        ("10.1.2.3", "2.3"),
        ("10.1.2.3", "2001:db8::/32"),
        ("2001:db8::1", "[2001:db8::1]:8443"),
        ("2001:db9::1", "2001:db8::/32"),
    ],
)
def test_these_are_not(host: str, exception: str) -> None:
    assert not is_excepted(host, 443, [exception])


def test_without_exceptions_there_is_none() -> None:
    assert not is_excepted("example.com", 443, [])
