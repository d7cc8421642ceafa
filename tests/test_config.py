import pytest

from broker.config import (
    AuditConfig,
    Config,
    NetworkConfig,
    StoreConfig,
    parse_config,
    parse_span,
)
from broker.model.errors import ConfigError
from broker.model.time import Seconds

WHOLE = """
[network]
proxy = "http://me:hush@proxy.example.com:3128"
no_proxy = ["intra.example.com", "10.0.0.0/8"]
ca_file = "~/corp.pem"

[store]
lock_after_idle = "30m"

[login]
client_id_metadata = "https://example.org/brokerd.json"
"""
A_TIME = 'is a time such as "90s", "15m" or "8h", or "never"'


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as fault:
        parse_config(text, "/home/me/config.toml")
    assert fault.value.path == "/home/me/config.toml"
    return fault.value.what


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "[network]\n[store]\n[login]\n"]
)
def test_what_is_not_said_has_its_usual_value(text: str) -> None:
    assert parse_config(text) == Config(network=NetworkConfig(), store=StoreConfig())


def test_every_key_is_read() -> None:
    config = parse_config(WHOLE)
    proxy = config.network.proxy
    assert proxy is not None
    assert proxy.reveal() == "http://me:hush@proxy.example.com:3128"
    assert not config.network.direct
    assert config.network.no_proxy == ("intra.example.com", "10.0.0.0/8")
    assert config.network.ca_file == "~/corp.pem"
    assert config.store.lock_after_idle == Seconds(1800)
    assert config.login.client_id_metadata == "https://example.org/brokerd.json"


def test_no_proxy_at_all_is_said_with_none() -> None:
    network = parse_config('network.proxy = "none"').network
    assert (network.direct, network.proxy) == (True, None)


def test_an_empty_list_of_exceptions_is_not_the_same_as_none() -> None:
    assert parse_config("network.no_proxy = []").network.no_proxy == ()


def test_never_is_a_time_too() -> None:
    config = parse_config('store.lock_after_idle = "never"')
    assert config.store.lock_after_idle is None


def test_the_audit_is_kept_unless_the_person_says_otherwise() -> None:
    assert parse_config("").audit == AuditConfig(
        enabled=True, max_size=8 * 2**20, keep=4
    )
    text = 'audit = {enabled = false, max_size = "512K", keep = 9}'
    assert parse_config(text).audit == AuditConfig(
        enabled=False, max_size=512 * 2**10, keep=9
    )


def test_the_password_of_a_proxy_is_not_in_the_repr() -> None:
    assert "hush" not in repr(parse_config(WHOLE))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "netwrk = 1",
            "netwrk is not known; there are: audit, issuers, login, network, store",
        ),
        (
            "[netwrk]\nproxy = 'x'",
            "netwrk is not known; there are: audit, issuers, login, network, store",
        ),
        (
            "[network]\nprxy = 'hush'",
            "network.prxy is not known; [network] has: ca_file, no_proxy, proxy",
        ),
        ("[store]\nlock = 1", "store.lock is not known; [store] has: lock_after_idle"),
        (
            "login.client_id = 'x'",
            "login.client_id is not known; [login] has: client_id_metadata",
        ),
        (
            "audit.size = 1",
            "audit.size is not known; [audit] has: enabled, keep, max_size",
        ),
        ("audit.enabled = 1", "audit.enabled is true or false"),
        ("audit.keep = 0", "audit.keep is a number from 1 to 1000"),
        ("audit.keep = true", "audit.keep is a number from 1 to 1000"),
        (
            "audit.max_size = 8",
            'audit.max_size is a size such as "512K", "8M" or "1G"',
        ),
        (
            "audit.max_size = '0K'",
            'audit.max_size is a size such as "512K", "8M" or "1G"',
        ),
        ("network = 'hush'", "network is a table: [network]"),
        ("network = false", "network is a table: [network]"),
        ("network.proxy = 1", 'network.proxy is a text in quotes, "like this"'),
        ("network.proxy = ''", 'network.proxy is a text in quotes, "like this"'),
        ("network.ca_file = []", 'network.ca_file is a text in quotes, "like this"'),
        (
            "network.no_proxy = 'hush'",
            'network.no_proxy is a list of texts, ["like", "this"]',
        ),
        (
            "network.no_proxy = ['a', 1]",
            'network.no_proxy is a list of texts, ["like", "this"]',
        ),
        *(
            (
                f"store.lock_after_idle = {value}",
                f"store.lock_after_idle {A_TIME}",
            )
            for value in ("90", "''", "'0s'", "'1.5h'", "'-1h'", "'1 h'", "'hush'")
        ),
    ],
)
def test_what_does_not_fit_is_named_with_what_would(text: str, what: str) -> None:
    assert refused(text) == what


def test_what_is_not_toml_is_refused_with_its_line() -> None:
    what = refused("[network]\nproxy = hush\n")
    assert what.startswith("it is not TOML: ")
    assert "line 2" in what
    assert "hush" not in what


def test_what_is_nested_without_end_is_refused() -> None:
    assert refused("a = " + "[" * 100_000) == "it is nested too deeply"


def test_a_key_cannot_rewrite_a_terminal() -> None:
    assert "\x1b" not in refused('[network]\n"\\u001b[2K" = 1')


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("8h", 28_800), ("7d", 604_800)]
)
def test_a_time_has_a_number_and_a_unit(text: str, seconds: int) -> None:
    assert parse_span(text) == Seconds(seconds)


@pytest.mark.parametrize(
    "text", ["", "s", "90", "0m", "01m", "1e3s", "٣s", "1w", "1s "]
)
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_span(text)


def test_tables_of_issuers_are_kept_as_they_are() -> None:
    config = parse_config('[issuers.acme]\nissuer = "https://acme.example"\n')
    assert config.issuers == {"acme": {"issuer": "https://acme.example"}}
    assert refused("issuers = 1").startswith("issuers is made of tables")
