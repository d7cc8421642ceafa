"""What a person pastes: the address that the browser was sent to, or the code alone.

Knows no login; whoever calls decides whether a code without its state may be taken.
"""

from urllib.parse import urlsplit

import msgspec

from broker.model.secret import Secret
from broker.oauth.authorization_response import MAX_RESPONSE_CHARACTERS
from broker.oauth.grammar import is_vschars


class PastedAddress(msgspec.Struct, frozen=True, kw_only=True):
    """A whole address.

    Attributes:
        query: after its '?'; holds the code.
    """

    query: Secret


class PastedCode(msgspec.Struct, frozen=True, kw_only=True):
    """One word, which can be a code."""

    code: Secret


class PastedNonsense(msgspec.Struct, frozen=True, kw_only=True):
    """Neither.

    Attributes:
        what: the end of a sentence that begins with 'what was pasted'; nothing of
            the paste is in it.
    """

    what: str


Pasted = PastedAddress | PastedCode | PastedNonsense


def parse_pasted(text: str, *, redirect_uri: str) -> Pasted:
    """What was pasted.

    Args:
        text: as it was pasted; blanks and line ends in it are dropped, since
            terminals and mail programs break long lines.
        redirect_uri: of the login: an address must begin with it, as RFC 8252
            section 8.10 asks.
    """
    text = "".join(text.split())
    if not text:
        return PastedNonsense(what="is empty")
    if len(text) > MAX_RESPONSE_CHARACTERS:
        return PastedNonsense(what="is too long for an address or a code")
    # Out of band the redirect URI is a URN, and has no '://'.
    if "://" in text or text.startswith(f"{redirect_uri}?"):
        return _parse_address(text, redirect_uri)
    if not is_vschars(text):
        return PastedNonsense(what="has characters that no code has")
    return PastedCode(code=Secret(text))


def _parse_address(text: str, redirect_uri: str) -> PastedAddress | PastedNonsense:
    query = _query_at(text, redirect_uri)
    if query is None:
        return PastedNonsense(what=f"is no address that begins with {redirect_uri}")
    if not query:
        return PastedNonsense(what="has nothing after its '?'")
    return PastedAddress(query=Secret(query))


def _query_at(text: str, redirect_uri: str) -> str | None:
    try:
        found, own = urlsplit(text), urlsplit(redirect_uri)
    except ValueError:
        return None
    # A browser shows 'http://host' as 'http://host/'.
    is_own = (found.scheme, found.netloc, found.path or "/") == (
        own.scheme,
        own.netloc,
        own.path or "/",
    )
    return found.query if is_own else None
