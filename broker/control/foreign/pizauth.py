"""What `pizauth dump` prints: 12 bytes of nonce, then ChaCha20-Poly1305.

The key is one for all, in pizauth's source, "to stop casual disclosure": whoever has
the dump has the tokens. Inside is bincode 1: little endian, lengths in 8 bytes. Source:
pizauth, `src/server/state.rs` and `src/config.rs`, version 1 of the dump.
"""

from broker.control.foreign.found import ForeignFileError, Found, label_of
from broker.model.secret import Secret

_KEY = bytes.fromhex("66a247a85e48cfecaaed9b36eba97d5350d4286375097a44eeffb9c4546b65a3")
_NONCE_BYTES = 12
_VERSION = 1
_EMPTY, _ACTIVE = 0, 1
_MOMENT_BYTES = 8 + 4
_MOST = 10_000


def parse_pizauth(data: bytes, _: Secret | None = None) -> tuple[Found, ...]:
    """Every account of the dump."""
    if len(data) <= _NONCE_BYTES:
        raise ForeignFileError("is too short to be a dump of pizauth's")
    # Every other command starts without them.
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415
        ChaCha20Poly1305,
    )

    try:
        plain = ChaCha20Poly1305(_KEY).decrypt(
            data[:_NONCE_BYTES], data[_NONCE_BYTES:], None
        )
    except InvalidTag:
        raise ForeignFileError("is no dump of pizauth's, or a damaged one") from None
    reader = _Reader(plain)
    version = reader.number(8)
    if version != _VERSION:
        raise ForeignFileError(f"is a dump of version {version}, which is not known")
    accounts = tuple(_account(reader) for _ in range(reader.count()))
    reader.end()
    return accounts


def _account(reader: "_Reader") -> Found:
    name = reader.text()
    reader.text()  # auth_uri
    for _ in range(reader.count()):
        reader.text(), reader.text()  # auth_uri_fields
    client_id, client_secret = reader.text(), reader.maybe_text()
    reader.text()  # redirect_uri
    scopes = tuple(reader.text() for _ in range(reader.count()))
    token_uri = reader.text()
    refresh_token = _refresh_token(reader)
    return Found(
        label=label_of(name),
        token_endpoint=token_uri,
        client_id=client_id,
        client_secret=None if client_secret is None else Secret(client_secret),
        refresh_token=None if refresh_token is None else Secret(refresh_token),
        scopes=scopes,
        obstacle=None if refresh_token else "holds no refresh token",
    )


def _refresh_token(reader: "_Reader") -> str | None:
    state = reader.number(4)
    if state == _EMPTY:
        return None
    if state != _ACTIVE:
        raise ForeignFileError("holds an account in a state that is not known")
    reader.text()  # access_token
    reader.take(2 * _MOMENT_BYTES)  # obtained, and its end
    return reader.maybe_text()


class _Reader:
    """bincode, from the front to the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        if len(taken) != count:
            raise ForeignFileError("is a dump that ends too early")
        self._at += count
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def count(self) -> int:
        count = self.number(8)
        if count > _MOST:
            raise ForeignFileError("is a dump with a length that cannot be")
        return count

    def text(self) -> str:
        try:
            text = self.take(self.number(8)).decode()
        except UnicodeDecodeError:
            raise ForeignFileError("is a dump with a text that is none") from None
        if not text.isprintable():
            raise ForeignFileError("is a dump with a text that is no line")
        return text

    def maybe_text(self) -> str | None:
        return self.text() if self.number(1) else None

    def end(self) -> None:
        if self._at != len(self._data):
            raise ForeignFileError("is a dump with more in it than accounts")
