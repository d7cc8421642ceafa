"""What other tools keep of a sign-in, as values. Knows no files and no tool."""

from collections.abc import Callable, Mapping

import msgspec

from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.model.text import safe_text


class ForeignFileError(Exception):
    """A file is not what a tool writes.

    Args:
        what: a phrase for after the file's name, such as 'is not JSON'; holds nothing
            of the file.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class WrongPasswordError(ForeignFileError):
    """What the person typed does not open it."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One sign-in that a file holds.

    Attributes:
        label: which one of the file: an address, a host, a remote's name; made safe.
        issuer: the name of a preset or an issuer URL, where the file says it.
        token_endpoint: where its tool renews it, or None.
        client_id: of the registration in use, where the file says it.
        client_secret: or None.
        refresh_token: None where there is none, or it cannot be read here.
        access_token: only where it is all that there is.
        credentials: the text of a Google credential without a person, or None.
        is_public: whether that holds no secret.
        becomes: the service account that it impersonates, by e-mail address, or None.
        delegates: service accounts on the way there.
        scopes: empty where the file does not say.
        obstacle: why it cannot be taken over, a phrase for after 'it'; None if it can.
        is_sealed: whether a password is needed to read it, and was not given.
        lines: those of the file that hold its secrets, counted from 0; None where the
            file holds nothing else.
    """

    label: str
    issuer: str | None = None
    token_endpoint: str | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    refresh_token: Secret | None = None
    access_token: Secret | None = None
    credentials: Secret | None = None
    is_public: bool = False
    becomes: str | None = None
    delegates: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    obstacle: str | None = None
    is_sealed: bool = False
    lines: tuple[int, ...] | None = None

    @property
    def is_plain(self) -> bool:
        """Whether a token or a key lies in it for all to read who can open it."""
        has_key = self.credentials is not None and not self.is_public
        return (
            has_key or self.refresh_token is not None or self.access_token is not None
        )

    @property
    def is_readable(self) -> bool:
        """Whether all that is needed to take it over is there, without a password."""
        return self.is_plain or self.credentials is not None


Parser = Callable[[bytes, Secret | None], tuple[Found, ...]]
"""What a file holds, from its bytes and the password that the person typed, if any.

Raises `ForeignFileError`, and nothing else, whatever the bytes are.
"""


def parse_object(data: bytes) -> Mapping[str, object]:
    """The JSON object that a whole file is.

    Raises:
        ForeignFileError: it is none.
    """
    try:
        value = parse_json(data)
    except ValueError as exc:
        raise ForeignFileError(f"cannot be read as JSON: {exc}") from None
    if not isinstance(value, dict):
        raise ForeignFileError("is JSON, but no object")
    return value


def text_member(members: Mapping[str, object], name: str) -> str | None:
    """A text that is not empty, or None where there is none.

    Raises:
        ForeignFileError: it is something else than text, or no line of it.
    """
    value = members.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.isprintable():
        raise ForeignFileError(f"has a {safe_text(name)} that is no line of text")
    return value


def secret_member(members: Mapping[str, object], name: str) -> Secret | None:
    """As `text_member`, for a secret."""
    value = text_member(members, name)
    return None if value is None else Secret(value)


def scopes_member(members: Mapping[str, object], name: str) -> tuple[str, ...]:
    """Scopes as a list, or as one text with spaces; each once."""
    value = members.get(name)
    many = value if isinstance(value, list) else [value]
    texts = [one for one in many if isinstance(one, str) and one.isprintable()]
    return tuple(dict.fromkeys(scope for text in texts for scope in text.split()))


NO_LABEL = "default"


def label_of(*texts: object) -> str:
    """The first text that says something, made safe to show; `NO_LABEL` if none."""
    said = (safe_text(text).strip() for text in texts if isinstance(text, str))
    return next((text for text in said if text), NO_LABEL)
