"""Debian's Chromium, driven by playwright: what a person does on the pages."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# The development environment, in which types are checked, does without playwright.
from playwright.sync_api import (  # type: ignore[import-not-found]
    Page,
    sync_playwright,
)

CHROMIUM = "/usr/bin/chromium"
SCREENSHOTS = Path(__file__).parents[2] / "build/screenshots"

# As root Chromium has no sandbox; the rest keeps it from calling home.
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]


@contextmanager
def open_page(*, dark: bool = False) -> Iterator[Page]:
    """A new page in a new browser that remembers nothing."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield browser.new_page(color_scheme="dark" if dark else "light")
        finally:
            browser.close()


def photograph(page: Page, name: str) -> None:
    """Keep a picture for people to look at: build/screenshots/NAME.png."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def sign_in_at_oidc_provider(page: Page, url: str, name: str) -> None:
    """Give a name and any password, then click through the consent page."""
    page.goto(url)
    page.fill("input[name=login]", name)
    page.fill("input[name=password]", "any")
    page.click("button[type=submit]")
    page.wait_for_selector("input[name=prompt][value=consent]", state="attached")
    page.click("button[type=submit]")
