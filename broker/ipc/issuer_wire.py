"""The issuers that are known by name, as they are told. Pure."""

from collections.abc import Mapping

from broker.model.issuer import IssuerPreset


def issuers_reply(presets: Mapping[str, IssuerPreset]) -> dict[str, object]:
    """`GET /v1/issuers`; the shape is that of clients/PROTOCOL.md."""
    return {"issuers": [_issuer_reply(presets[name]) for name in sorted(presets)]}


def _issuer_reply(preset: IssuerPreset) -> dict[str, object]:
    return {
        "name": preset.name,
        "issuer": preset.issuer,
        "template": preset.is_template,
        "ways": [way.value for way in preset.ways],
        "refused_ways": {way.value: what for way, what in preset.refused_ways.items()},
        "redirect_uri": preset.redirect_rule,
        "default_scopes": list(preset.default_scopes),
        "origin": preset.origin.value,
        "note": preset.note,
    }
