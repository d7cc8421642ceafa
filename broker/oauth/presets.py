"""What is known of well-known issuers: issuers.toml, parsed. Knows no files.

And the tables `[issuers.NAME]` of a person's config.toml, which have the same members.
"""

import re
import tomllib
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from broker.model.errors import ConfigError, IssuerInvalidError, WayRefusedError
from broker.model.issuer import (
    Issuer,
    IssuerPreset,
    PresetOrigin,
    Quirks,
    RedirectPath,
)
from broker.model.text import safe_text
from broker.model.way import Way
from broker.oauth.endpoints import check_endpoint, endpoint_host, parse_issuer_url

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_PLACEHOLDER = re.compile(r"\{[a-z]+\}")
_FILLED = r"[A-Za-z0-9._~:-]+"
"""What may stand for a placeholder: one label of a host, or more, or of a path."""

_MAX_PORT = 65535


class _QuirksRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[NAME.quirks]: the members of `Quirks`."""

    scope_parameter: str = "scope"
    scope_separator: str = " "
    login_hint_parameter: str = "login_hint"
    token_member: str | None = None
    bearer_names: tuple[str, ...] = ()


class _PinnedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[NAME.pinned]: the endpoints of an issuer that publishes none."""

    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str | None = None
    device_authorization_endpoint: str | None = None
    userinfo_endpoint: str | None = None
    scopes_supported: tuple[str, ...] = ()
    authentication_methods: tuple[str, ...]
    code_challenge_methods: tuple[str, ...] | None = None
    dpop_algorithms: tuple[str, ...] = ()
    response_iss: bool = False
    openid: bool = False


class _PresetRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """[NAME]: the members of `IssuerPreset`."""

    issuer: str
    metadata: str | None = None
    pinned: _PinnedRow | None = None
    hosts: tuple[str, ...] = ()
    parameters: dict[str, str] = {}
    consent_parameters: dict[str, str] = {}
    default_scopes: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    refused_ways: dict[Way, str] = {}
    device_scopes: tuple[str, ...] | None = None
    quirks: _QuirksRow = _QuirksRow()
    redirect_path: RedirectPath = RedirectPath.ROOT
    redirect_host: str | None = None
    redirect_port: int | None = None
    accepts_mismatched_issuer: str | None = None
    jwks_uri: str | None = None
    browser_errors: tuple[str, ...] = ()
    dpop: bool = False
    note: str | None = None


def parse_presets(text: str) -> Mapping[str, IssuerPreset]:
    """Every preset by its name.

    Args:
        text: TOML, one table an issuer, with the members of `IssuerPreset`.

    Raises:
        ValueError: not TOML, an unknown key or a wrong type; the message says where.
        IssuerInvalidError: a URL that cannot be used.
    """
    return {name: _preset(name, row) for name, row in tomllib.loads(text).items()}


def parse_config_presets(
    tables: Mapping[str, object], path: str
) -> Mapping[str, IssuerPreset]:
    """The person's own presets, by the same rules.

    Args:
        tables: what stands below `[issuers]` in config.toml.
        path: of the file, for errors.

    Raises:
        ConfigError: as `parse_presets`; it names the key.
    """
    presets = {}
    for name, table in tables.items():
        try:
            preset = _preset(name, table)
        except IssuerInvalidError as exc:
            what = f"issuers.{name}: {exc.issuer} {exc.what}"
            raise ConfigError(path=path, what=safe_text(what)) from None
        except ValueError as exc:
            what = f"issuers.{exc}"
            raise ConfigError(path=path, what=safe_text(what)) from None
        presets[name] = replace(preset, origin=PresetOrigin.CONFIG)
    return presets


def with_config_presets(
    shipped: Mapping[str, IssuerPreset], own: Mapping[str, IssuerPreset]
) -> Mapping[str, IssuerPreset]:
    """All of them; the person's stand in the place of shipped ones of their names.

    They come first, so that a URL that two of them know is taken as the person says.
    """
    marked = {
        name: replace(preset, origin=PresetOrigin.CONFIG_INSTEAD)
        if name in shipped
        else preset
        for name, preset in own.items()
    }
    return {**marked, **{n: p for n, p in shipped.items() if n not in own}}


def preset_for_endpoint(
    presets: Mapping[str, IssuerPreset], url: str
) -> IssuerPreset | None:
    """The preset that an https endpoint of a client_secret.json belongs to, by host."""
    host = endpoint_host(url)
    return next((p for p in presets.values() if host in p.hosts), None)


def preset_for_issuer(
    presets: Mapping[str, IssuerPreset], url: str
) -> IssuerPreset | None:
    """The preset that knows an issuer URL; a template is filled in.

    A slash at its end is as the preset says: people leave it out, and put it there.
    """
    known = [p for p in presets.values() if not p.is_template]
    for preset in known:
        if preset.issuer.rstrip("/") == url.rstrip("/"):
            return preset
    for preset in presets.values():
        if preset.is_template and _shape(preset.issuer).fullmatch(url.rstrip("/")):
            slash = "/" if preset.issuer.endswith("/") else ""
            return replace(preset, issuer=url.rstrip("/") + slash)
    return None


def require_way(preset: IssuerPreset | None, way: Way | None) -> None:
    """See that an issuer is not known to refuse this way to sign in.

    Raises:
        WayRefusedError: it is.
    """
    if preset is not None and way is not None and way in preset.refused_ways:
        raise WayRefusedError(
            issuer=preset.name, way=way.value, what=preset.refused_ways[way]
        )


def _shape(template: str) -> re.Pattern[str]:
    literals = _PLACEHOLDER.split(template.rstrip("/"))
    return re.compile(_FILLED.join(re.escape(literal) for literal in literals))


def _preset(name: str, table: object) -> IssuerPreset:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name}: a name has small letters, digits and . _ -")
    try:
        row = msgspec.convert(table, _PresetRow)
    except msgspec.ValidationError as exc:
        raise ValueError(_fault(name, exc)) from exc
    # A template is as safe a URL as what is to stand in it.
    issuer = parse_issuer_url(_PLACEHOLDER.sub("x", row.issuer))
    if issuer != row.issuer and (row.metadata or row.pinned):
        raise ValueError(f"{name}.issuer: a template is discovered, and not pinned")
    for member in ("metadata", "jwks_uri"):
        url = getattr(row, member)
        if url is not None:
            check_endpoint(url, issuer=issuer, name=member)
    if row.redirect_port is not None and not 0 < row.redirect_port <= _MAX_PORT:
        raise ValueError(f"{name}.redirect_port: it is no port")
    members = {field: getattr(row, field) for field in row.__struct_fields__}
    quirks = Quirks(**msgspec.structs.asdict(row.quirks))
    pinned = None if row.pinned is None else _pinned(issuer, row.pinned, quirks)
    return IssuerPreset(**{**members, "name": name, "quirks": quirks, "pinned": pinned})


def _fault(name: str, exc: msgspec.ValidationError) -> str:
    """'NAME.hosts[0]: Expected `str`, got `int`' of msgspec's own sentence."""
    what, _, path = str(exc).partition(" - at `$")
    return f"{name}{path.rstrip('`')}: {what}"


def _pinned(issuer: str, row: _PinnedRow, quirks: Quirks) -> Issuer:
    members = msgspec.structs.asdict(row)
    for name, url in members.items():
        if name.endswith("_endpoint") and url is not None:
            check_endpoint(url, issuer=issuer, name=name)
    return Issuer(url=issuer, quirks=quirks, **members)
