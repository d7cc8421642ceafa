"""Walks the sandbox's consent page as a browser would, with Allow."""

import urllib.parse
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser


class _Form(HTMLParser):
    """The page's one form: where it goes and what a click on Allow would send."""

    def __init__(self) -> None:
        super().__init__()
        self.action = ""
        self.fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form, its inputs and its Allow button."""
        given = {name: value or "" for name, value in attrs}
        is_allow = tag == "button" and given.get("value") == "allow"
        if tag == "form":
            self.action = given["action"]
        elif (tag == "input" or is_allow) and "name" in given:
            self.fields.append((given["name"], given.get("value", "")))


def walk_consent_page(url: str) -> Iterator[str]:
    """Open the authorization URL, choose Allow, follow to the redirect URI.

    Yields:
        What was visited, without the queries, which hold secrets.
    """
    with urllib.request.urlopen(url) as page:  # noqa: S310 - the sandbox's own URL
        form = _Form()
        form.feed(page.read().decode())
        yield f"consent page: {_bare(url)}"
    target = urllib.parse.urljoin(url, form.action)
    answer = urllib.parse.urlencode(form.fields).encode()
    request = urllib.request.Request(target, data=answer)  # noqa: S310 - as above
    with urllib.request.urlopen(request) as page:  # noqa: S310 - as above
        page.read()
        yield f"Allow, and the browser ends at: {_bare(page.url)}"


def _bare(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
