"""The person's file, config.toml, parsed. Knows no files and no environment.

Written by the person alone. Every key is listed in docs/configuration.md.
"""

import re
from collections.abc import Mapping

import msgspec

from broker.model.errors import ConfigError
from broker.model.secret import Secret
from broker.model.text import safe_text
from broker.model.time import Seconds

CONFIG_NAME = "config.toml"

_MOST_KEPT = 1000


class NetworkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[network]: how issuers are reached.

    Attributes:
        proxy: the URL of a proxy, which may hold a password; None for what the
            environment names.
        direct: proxy = "none": no proxy, whatever the environment names.
        no_proxy: hosts that are reached without it; None for those of NO_PROXY.
        ca_file: the one file of certificates to trust, such as '~/corp.pem'; None
            for SSL_CERT_FILE, else the system's.
    """

    proxy: Secret | None = None
    direct: bool = False
    no_proxy: tuple[str, ...] | None = None
    ca_file: str | None = None


class StoreConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[store].

    Attributes:
        lock_after_idle: seconds without a request after which the store locks itself;
            None for never.
    """

    lock_after_idle: Seconds | None = None


class LoginConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[login].

    Attributes:
        client_id_metadata: the URL of a client ID metadata document, which is the
            client wherever an issuer takes such a one; None for none.
    """

    client_id_metadata: str | None = None


class AuditConfig(msgspec.Struct, frozen=True, kw_only=True):
    """[audit].

    Attributes:
        enabled: whether there is one.
        max_size: bytes of a file, after which the next begins.
        keep: files that are kept beside the newest; at least 1.
    """

    enabled: bool = True
    max_size: int = 8 << 20
    keep: int = 4


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the person has set; the rest has its usual value."""

    network: NetworkConfig = msgspec.field(default_factory=NetworkConfig)
    store: StoreConfig = msgspec.field(default_factory=StoreConfig)
    audit: AuditConfig = msgspec.field(default_factory=AuditConfig)
    issuers: Mapping[str, object] = msgspec.field(default_factory=dict)
    """[issuers.NAME]: tables that `parse_config_presets` reads."""
    login: LoginConfig = msgspec.field(default_factory=LoginConfig)


def parse_config(text: str, path: str = CONFIG_NAME) -> Config:
    """The whole file; an empty one is all defaults.

    Args:
        text: TOML.
        path: of the file, for errors.

    Raises:
        ConfigError: not TOML, a key that is not known, a value that does not fit.
    """
    whole = _Table("", _members(text, path), path)
    config = Config(
        network=_network(whole),
        store=_store(whole),
        audit=_audit(whole),
        issuers=whole.raw("issuers"),
        login=_login(whole),
    )
    whole.end()
    return config


def _members(text: str, path: str) -> dict[str, object]:
    if not text:
        return {}
    import tomllib  # noqa: PLC0415 - most people have no such file

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        what = f"it is not TOML: {safe_text(str(exc))}"
        # From None: the exception of newer Pythons carries the whole file.
        raise ConfigError(path=path, what=what) from None
    except RecursionError:
        what = "it is nested too deeply"
        raise ConfigError(path=path, what=what) from None


def _network(whole: "_Table") -> NetworkConfig:
    table = whole.table("network")
    proxy = table.text("proxy")
    config = NetworkConfig(
        proxy=Secret(proxy) if proxy and proxy != "none" else None,
        direct=proxy == "none",
        no_proxy=table.texts("no_proxy"),
        ca_file=table.text("ca_file"),
    )
    table.end()
    return config


def _store(whole: "_Table") -> StoreConfig:
    table = whole.table("store")
    config = StoreConfig(lock_after_idle=table.span("lock_after_idle"))
    table.end()
    return config


def _audit(whole: "_Table") -> AuditConfig:
    table, usual = whole.table("audit"), AuditConfig()
    config = AuditConfig(
        enabled=table.flag("enabled", usual=usual.enabled),
        max_size=table.size("max_size", usual=usual.max_size),
        keep=table.number("keep", usual=usual.keep, most=_MOST_KEPT),
    )
    table.end()
    return config


def _login(whole: "_Table") -> LoginConfig:
    table = whole.table("login")
    config = LoginConfig(client_id_metadata=table.text("client_id_metadata"))
    table.end()
    return config


class _Table:
    """One table, read key by key; `end` refuses what nobody has read.

    Values stay out of the errors: that of network.proxy may hold a password.
    """

    def __init__(self, name: str, members: dict[str, object], path: str) -> None:
        self._name = name
        self._members = members
        self._path = path
        self._known: list[str] = []

    def table(self, key: str) -> "_Table":
        value = self._taken(key)
        if value is not None and not isinstance(value, dict):
            raise self._unfit(key, f"is a table: [{key}]")
        return _Table(self._dotted(key), value or {}, self._path)

    def raw(self, key: str) -> Mapping[str, object]:
        """A table that somebody else reads."""
        value = self._taken(key)
        if value is None or isinstance(value, dict):
            return value or {}
        raise self._unfit(key, f"is made of tables: [{key}.NAME]")

    def text(self, key: str) -> str | None:
        value = self._taken(key)
        if value is None or (isinstance(value, str) and value):
            return value
        raise self._unfit(key, 'is a text in quotes, "like this"')

    def texts(self, key: str) -> tuple[str, ...] | None:
        value = self._taken(key)
        if value is None:
            return None
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        raise self._unfit(key, 'is a list of texts, ["like", "this"]')

    def flag(self, key: str, *, usual: bool) -> bool:
        value = self._taken(key)
        if value is None or isinstance(value, bool):
            return usual if value is None else value
        raise self._unfit(key, "is true or false")

    def number(self, key: str, *, usual: int, most: int) -> int:
        value = self._taken(key)
        if value is None:
            return usual
        if type(value) is int and 1 <= value <= most:
            return value
        raise self._unfit(key, f"is a number from 1 to {most}")

    def size(self, key: str, *, usual: int) -> int:
        value = self._taken(key)
        found = _SIZE.fullmatch(value) if isinstance(value, str) else None
        if value is None:
            return usual
        if found is None:
            raise self._unfit(key, 'is a size such as "512K", "8M" or "1G"')
        return int(found[1]) * _BYTES_BY_UNIT[found[2]]

    def span(self, key: str) -> Seconds | None:
        value = self._taken(key)
        if value is None or value == "never":
            return None
        try:
            return parse_span(value if isinstance(value, str) else "")
        except ValueError:
            raise self._unfit(
                key, 'is a time such as "90s", "15m" or "8h", or "never"'
            ) from None

    def end(self) -> None:
        """Refuse the first key that nobody has read.

        Raises:
            ConfigError: there is one.
        """
        for key in self._members.keys() - set(self._known):
            known = ", ".join(sorted(self._known))
            where = f"[{self._name}] has" if self._name else "there are"
            raise self._unfit(key, f"is not known; {where}: {known}")

    def _taken(self, key: str) -> object:
        self._known.append(key)
        return self._members.get(key)

    def _dotted(self, key: str) -> str:
        return f"{self._name}.{key}" if self._name else key

    def _unfit(self, key: str, what: str) -> ConfigError:
        return ConfigError(
            path=self._path, what=f"{safe_text(self._dotted(key))} {what}"
        )


_SIZE = re.compile(r"([1-9][0-9]{0,3})([KMG])", re.ASCII)
_BYTES_BY_UNIT = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

_SPAN = re.compile(r"([1-9][0-9]{0,8})([smhd])", re.ASCII)
_SECONDS_BY_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_span(text: str) -> Seconds:
    """'90s', '15m', '8h' or '7d' in seconds; never zero.

    Raises:
        ValueError: anything else.
    """
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    return Seconds(int(found[1]) * _SECONDS_BY_UNIT[found[2]])
