"""The UserInfo endpoint (OpenID Connect Core 1.0 section 5.3). Knows no network."""

import msgspec

from broker.model.http import HttpRequest, HttpResponse
from broker.model.person import Person
from broker.model.text import safe_text
from broker.model.token import AccessToken
from broker.oauth.members import Members, parse_members

_OK = 200
_WHAT = "its userinfo"


class Userinfo(msgspec.Struct, frozen=True, kw_only=True):
    """What it says.

    Attributes:
        subject: whom it is about: section 5.3.2 has it compared with the ID token's.
        person: name and address.
    """

    subject: str
    person: Person


def userinfo_request(url: str, token: AccessToken) -> HttpRequest:
    """What asks for it, with a bearer token."""
    value = token.value.reveal()
    headers = {"Accept": "application/json", "Authorization": f"Bearer {value}"}
    return HttpRequest(method="GET", url=url, headers=headers)


def parse_userinfo(response: HttpResponse, *, issuer: str) -> Userinfo | None:
    """What came, or None where it is nothing of use: a refusal, or a signed JWT.

    Args:
        response: `{"sub": str, "name": str, "email": str, …}`.
        issuer: for the error.

    Raises:
        IssuerMalformedError: JSON that is not of this shape.
    """
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status != _OK or kind != "application/json":
        return None
    members = parse_members(response.body, issuer=issuer, what=_WHAT)
    person = Person(name=_shown(members, "name"), email=_shown(members, "email"))
    return Userinfo(subject=members.required_text("sub"), person=person)


def _shown(members: Members, name: str) -> str | None:
    text = members.text(name)
    return safe_text(text) if text else None
