"""Where a workload's own token comes from (`credential_source`). Knows no files.

Sources: google-auth's identity_pool.py and aws.py, 2.62.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath

from broker.model.errors import CredentialFileError
from broker.oauth.google_endpoints import is_metadata, source_fault
from broker.oauth.grammar import is_vschars

AWS = "environment_id"
"""The member by which a source of AWS is known."""

EXECUTABLE = "executable"
"""The format of a file that a program's answer was left in."""

_AWS_VERSION = "aws1"
_AWS_SESSION = "imdsv2_session_token_url"
_AWS_URLS = ("region_url", "url", _AWS_SESSION)
_AWS_HOST = re.compile(r"https://sts\.(?:\{region\}\.)?amazonaws\.com(?:\.cn)?[?/].*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def checked_source(source: object) -> dict[str, object]:
    """The source, with the members that are used and no others.

    Raises:
        CredentialFileError: one that brokerd does not take, or none.
    """
    if not isinstance(source, dict):
        raise CredentialFileError(what="its 'credential_source' is missing")
    if "executable" in source:
        return _executable(source["executable"])
    if "certificate" in source:
        what = "its source is a certificate, which brokerd cannot show to Google"
        raise CredentialFileError(what=what)
    if AWS in source:
        return _aws(source)
    if ("file" in source) == ("url" in source):
        what = "its 'credential_source' names neither one file nor one URL"
        raise CredentialFileError(what=what)
    return _file(source) if "file" in source else _url(source)


def _file(source: Mapping[str, object]) -> dict[str, object]:
    path = source["file"]
    if not _is_whole(path):
        # The daemon has a working directory of its own.
        what = "the 'file' of its source is no absolute path"
        raise CredentialFileError(what=what)
    return {"file": path, **_format(source)}


def _is_whole(path: object) -> bool:
    return isinstance(path, str) and (
        PurePosixPath(path).is_absolute() or PureWindowsPath(path).is_absolute()
    )


def _executable(made: object) -> dict[str, object]:
    """The file that a program leaves its answer in: the daemon starts none."""
    path = made.get("output_file") if isinstance(made, dict) else None
    if path is None:
        what = (
            "its source runs a program, and brokerd starts none: name an 'output_file' "
            "beside its 'command', and have `brokerctl workload-token` run it"
        )
        raise CredentialFileError(what=what)
    if not _is_whole(path):
        what = "the 'output_file' of its source is no absolute path"
        raise CredentialFileError(what=what)
    return {"file": path, "format": {"type": EXECUTABLE}}


def _url(source: Mapping[str, object]) -> dict[str, object]:
    url = source["url"]
    fault = source_fault(url) if isinstance(url, str) else "is not a text"
    if fault is not None:
        raise CredentialFileError(what=f"the 'url' of its source {fault}")
    return {"url": url, "headers": _headers(source), **_format(source)}


def _headers(source: Mapping[str, object]) -> dict[str, str]:
    headers = source.get("headers") or {}
    if isinstance(headers, dict):
        pairs = {name: str(value) for name, value in headers.items()}
        if all(_HEADER_NAME.fullmatch(n) and is_vschars(v) for n, v in pairs.items()):
            return pairs
    raise CredentialFileError(what="the 'headers' of its source are none")


def _format(source: Mapping[str, object]) -> dict[str, object]:
    wanted = source.get("format") or {"type": "text"}
    if isinstance(wanted, dict):
        field = wanted.get("subject_token_field_name")
        if wanted.get("type", "text") == "text":
            return {"format": {"type": "text"}}
        if wanted.get("type") == "json" and isinstance(field, str):
            return {"format": {"type": "json", "subject_token_field_name": field}}
    raise CredentialFileError(
        what="the 'format' of its source is neither text nor json"
    )


def _aws(source: Mapping[str, object]) -> dict[str, object]:
    if source[AWS] != _AWS_VERSION:
        what = f"its source of AWS is not of the version {_AWS_VERSION}"
        raise CredentialFileError(what=what)
    kept: dict[str, object] = {AWS: _AWS_VERSION}
    for name in _AWS_URLS:
        url = source.get(name)
        if url is None and name == _AWS_SESSION:
            continue  # a machine that still takes requests without one
        if not isinstance(url, str) or not is_metadata(url):
            what = f"the '{name}' of its source is not the machine's metadata service"
            raise CredentialFileError(what=what)
        kept[name] = url
    # Nothing is sent there: the signed request goes to Google, which sends it on.
    name = "regional_cred_verification_url"
    url = source.get(name)
    if not isinstance(url, str) or not _AWS_HOST.fullmatch(url):
        raise CredentialFileError(what=f"the '{name}' of its source is not AWS's")
    return {**kept, name: url}
