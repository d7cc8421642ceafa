"""What is known of well-known issuers: issuers.toml, parsed. Knows no files."""

import tomllib
from collections.abc import Mapping

import msgspec

from broker.model.issuer import Issuer, IssuerPreset, RedirectPath
from broker.oauth.endpoints import check_endpoint, endpoint_host, parse_issuer_url


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
    redirect_path: RedirectPath = RedirectPath.ROOT
    redirect_host: str | None = None
    accepts_mismatched_issuer: str | None = None
    browser_errors: tuple[str, ...] = ()
    note: str | None = None


def parse_presets(text: str) -> Mapping[str, IssuerPreset]:
    """Every preset by its name.

    Args:
        text: TOML, one table an issuer, with the members of `IssuerPreset`.

    Raises:
        ValueError: not TOML, an unknown key or a wrong type; the message says where.
        IssuerInvalidError: an URL that cannot be used.
    """
    return {name: _preset(name, row) for name, row in tomllib.loads(text).items()}


def preset_for_endpoint(
    presets: Mapping[str, IssuerPreset], url: str
) -> IssuerPreset | None:
    """The preset that an https endpoint of a client_secret.json belongs to, by host."""
    host = endpoint_host(url)
    return next((p for p in presets.values() if host in p.hosts), None)


def _preset(name: str, table: object) -> IssuerPreset:
    try:
        row = msgspec.convert(table, _PresetRow)
    except msgspec.ValidationError as exc:
        raise ValueError(f"[{name}]: {exc}") from exc
    issuer = parse_issuer_url(row.issuer)
    if row.metadata is not None:
        check_endpoint(row.metadata, issuer=issuer, name="metadata")
    return IssuerPreset(
        name=name,
        issuer=issuer,
        metadata=row.metadata,
        pinned=None if row.pinned is None else _pinned(issuer, row.pinned),
        hosts=row.hosts,
        parameters=row.parameters,
        consent_parameters=row.consent_parameters,
        default_scopes=row.default_scopes,
        redirect_path=row.redirect_path,
        redirect_host=row.redirect_host,
        accepts_mismatched_issuer=row.accepts_mismatched_issuer,
        browser_errors=row.browser_errors,
        note=row.note,
    )


def _pinned(issuer: str, row: _PinnedRow) -> Issuer:
    members = msgspec.structs.asdict(row)
    for name, url in members.items():
        if name.endswith("_endpoint") and url is not None:
            check_endpoint(url, issuer=issuer, name=name)
    return Issuer(url=issuer, **members)
