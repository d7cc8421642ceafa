"""The pages where a device's code is entered, filled in as a person would."""

import http.cookiejar
import re
import urllib.parse
import urllib.request
from html import unescape

_FORM = re.compile(r"<form\b[^>]*\baction=\"([^\"]*)\"", re.IGNORECASE)
_FIELD = re.compile(r"<input\b[^>]*>", re.IGNORECASE)
_PAGES = 8
_QUESTIONS = ('name="decision"', "deviceConfirmForm")
"""Of our sandbox, and of oidc-provider."""


def decide(url: str, *, allow: bool, typed: str | None = None) -> str:
    """Go through the pages until there is no form left or no was said; the last.

    Args:
        url: the page to open.
        allow: whether to agree where that is asked.
        typed: the code, where the address does not hold it.
    """
    jar = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with opener.open(url, timeout=20) as answer:
        here, page = answer.url, answer.read().decode()
    for _ in range(_PAGES):
        found = _FORM.search(page)
        if found is None:
            return str(page)
        fields = _fields(page)
        for name in ("login", "password"):
            if name in fields:
                fields[name] = "alice"
        if "user_code" in fields and typed is not None:
            fields["user_code"] = typed
        is_asked = any(name in page for name in _QUESTIONS)
        if is_asked:
            fields["decision"] = "allow" if allow else "deny"
            fields |= {} if allow else {"abort": "yes"}
        target = urllib.parse.urljoin(here, unescape(found[1]))
        body = urllib.parse.urlencode(fields).encode()
        with opener.open(target, body, timeout=20) as answer:
            here, page = answer.url, answer.read().decode()
        if is_asked and not allow:
            return str(page)
    raise AssertionError(f"the pages have no end: {page}")


def _fields(page: str) -> dict[str, str]:
    fields = {}
    for field in _FIELD.findall(page):
        name, value = (
            re.search(rf'\b{attribute}="([^"]*)"', field)
            for attribute in ("name", "value")
        )
        if name is not None:
            fields[name[1]] = "" if value is None else unescape(value[1])
    return fields
