"""How long a token of Google's lives, as its answer says. Knows no clock."""

import base64
from datetime import datetime

from broker.model.secret import Secret
from broker.model.strict_json import parse_json
from broker.model.time import Seconds, UnixTime
from broker.oauth.members import Members


def life_of(answer: Members, now: UnixTime) -> Seconds | None:
    """Seconds from `now`, or None where the answer says nothing of it.

    Args:
        answer: `{"access_token": str, "expires_in"?: int}` of a token endpoint, or
            `{"accessToken": str, "expireTime": "2026-11-27T05:00:00Z"}` of the IAM
            Credentials API.
        now: on Google's wall clock where that is known: ours may differ from it.

    Raises:
        IssuerMalformedError: it is no span, or no moment.
    """
    seconds = answer.seconds("expires_in")
    text = answer.text("expireTime")
    if seconds is not None or text is None:
        return seconds
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise answer.malformed("'expireTime' is no moment") from None
    if end.tzinfo is None:
        raise answer.malformed("'expireTime' has no time zone")
    return Seconds(max(end.timestamp() - now, 0.0))


def signed_life(token: Secret) -> Seconds | None:
    """Of a JWT, unchecked: from its `iat` to its `exp`; None where it does not say."""
    payload = token.reveal().partition(".")[2].partition(".")[0]
    try:
        padded = payload + "=" * (-len(payload) % 4)
        claims = parse_json(base64.urlsafe_b64decode(padded))
    except ValueError:
        return None
    if not isinstance(claims, dict):
        return None
    begin, end = claims.get("iat"), claims.get("exp")
    if isinstance(begin, int) and isinstance(end, int):
        return Seconds(float(end - begin))
    return None
