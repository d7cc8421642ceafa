"""A workload's own token, which its platform gives: from a file, or from a URL.

Runs in a thread of its own, as all of google-auth does.
"""

from collections.abc import Mapping
from pathlib import Path

from google.auth import identity_pool

from broker.host.persons_file import read_persons_file
from broker.model.errors import ConfigError
from broker.model.strict_json import parse_json
from broker.model.time import UnixTime
from broker.oauth.google_endpoints import shown_origin
from broker.oauth.google_executable import (
    ExecutableAnswerError,
    parse_executable_answer,
)
from broker.oauth.google_sources import EXECUTABLE
from broker.services.google_transport import LoopRequest

_URLS = ("url", "region_url", "imdsv2_session_token_url")


class WorkloadFileError(Exception):
    """A workload's own token cannot be read.

    Attributes:
        where: the file or the origin.
        what: in plain words, as the end of a sentence about it.
    """

    def __init__(self, where: str, what: str) -> None:
        super().__init__()
        self.where = where
        self.what = what


def source_of(info: Mapping[str, object]) -> dict[str, object]:
    """The source in a configuration, as `checked_source` gave it; {} for none."""
    source = info.get("credential_source")
    return source if isinstance(source, dict) else {}


def source_urls(source: Mapping[str, object]) -> list[str]:
    """Where it asks."""
    return [str(source[name]) for name in _URLS if name in source]


class WorkloadTokens(identity_pool.SubjectTokenSupplier):
    """A workload's own token from a file or a URL, capped.

    google-auth's own would wait for ever at a named pipe.
    """

    def __init__(self, source: Mapping[str, object], now: UnixTime) -> None:
        self._source = source
        self._now = now

    def get_subject_token(self, _: object, request: LoopRequest) -> str:
        """The token, as it is to be sent to Google.

        Raises:
            WorkloadFileError: it cannot be read, or is none.
            TransportError: see `LoopRequest`.
        """
        url = self._source.get("url")
        if isinstance(url, str):
            return self._token(request(url, headers=self._headers()).data, url)
        path = str(self._source.get("file"))
        if self._form().get("type") == EXECUTABLE:
            return _left(path, self._now)
        return self._token(_read(path).encode(), path)

    def _form(self) -> dict[str, object]:
        form = self._source.get("format")
        return form if isinstance(form, dict) else {}

    def _headers(self) -> dict[str, str]:
        headers = self._source.get("headers")
        return headers if isinstance(headers, dict) else {}

    def _token(self, data: bytes, where: str) -> str:
        where = shown_origin(where) if "url" in self._source else where
        field = self._form().get("subject_token_field_name")
        value: object = data.decode(errors="replace").strip()
        if field is not None:
            try:
                members = parse_json(data)
            except ValueError:
                raise WorkloadFileError(where, "it holds no JSON") from None
            value = members.get(str(field)) if isinstance(members, dict) else None
        if not isinstance(value, str) or not value:
            raise WorkloadFileError(where, "it holds no token")
        return value


def _left(path: str, now: UnixTime) -> str:
    """The token in the answer of a program that somebody else runs."""
    try:
        return parse_executable_answer(_read(path).encode(), now).token.reveal()
    except WorkloadFileError as exc:
        what = exc.what
    except ExecutableAnswerError as exc:
        what = exc.what
    what += "; `brokerctl workload-token` has its program write it anew"
    raise WorkloadFileError(path, what)


def _read(path: str) -> str:
    try:
        text = read_persons_file(Path(path))
    except ConfigError as exc:
        raise WorkloadFileError(path, exc.what) from None
    if text is None:
        raise WorkloadFileError(path, "it is not there")
    return text
