"""Codes that an issuer shows instead of sending them: out of band.

The person copies it from the page, or the title of the page holds it. Knows no
windows. A title is written by whatever page is open: nothing in it is to be trusted.

Source: Google's guide to OAuth for installed applications, 2012 to 2022, which names
both redirect URIs, and titles such as `Success state=security_token&code=4/P7q7W91` and
`Denied error=access_denied&state=security_token`.
"""

import re
from urllib.parse import parse_qsl

from broker.model.secret import Secret

OOB_URI = "urn:ietf:wg:oauth:2.0:oob"
"""The page asks the person to copy the code."""
OOB_AUTO_URI = "urn:ietf:wg:oauth:2.0:oob:auto"
"""The title holds the code; the page asks to close the window."""

MAX_TITLE_CHARACTERS = 4000
"""Chromium cuts a title at 4,096 without a word: what is longer may lack the end."""

_MAX_PARAMETERS = 64

# A browser puts its own name behind the page's title, with a blank between.
_ANSWER = re.compile(r"(?:Success|Denied) ([!-~]+)(?: .*)?", re.DOTALL)


def parse_title(title: str) -> Secret | None:
    """What to hand to the daemon, as if it were pasted; None where it is no answer.

    An address, `urn:ietf:wg:oauth:2.0:oob:auto?state=…&code=…`, so that the state is
    looked at. Where the title has none, the code alone, which the daemon takes only of
    an issuer that is known to hold codes to their PKCE challenge. A refusal without
    its state is no answer: any page could say it.

    Args:
        title: of a window, as the system tells it.
    """
    found = _ANSWER.fullmatch(title)
    if found is None or len(title) > MAX_TITLE_CHARACTERS:
        return None
    query = found[1]
    pairs = _pairs(query)
    names = [name for name, _ in pairs]
    if not {"code", "error"} & set(names):
        return None
    if "state" in names:
        return Secret(f"{OOB_AUTO_URI}?{query}")
    codes = [value for name, value in pairs if name == "code" and value]
    return Secret(codes[0]) if len(codes) == 1 and "error" not in names else None


def _pairs(query: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query,
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError:  # too many parameters
        return []
