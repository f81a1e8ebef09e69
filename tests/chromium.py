"""Debian's Chromium for tests, driven by Playwright: with no network, and with what went wrong kept.

Nothing here waits for less than `PATIENCE`: how slow a machine is says nothing about a page.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

PATIENCE = 600_000  # milliseconds
# What a browser would tell its maker by itself; and no name leads anywhere.
_QUIET = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@contextmanager
def open_chromium() -> Iterator[Browser]:
    """The system's Chromium, without a window; skips the test where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=_QUIET, timeout=PATIENCE)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that was opened, what it asked for, and what it complained of."""

    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def note(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(said.text)


@contextmanager
def visit(browser: Browser, *, width: int = 1280, **settings: Any) -> Iterator[Visit]:
    """A page in a profile of its own; `settings` are those of Playwright's contexts."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
    context.set_default_timeout(PATIENCE)
    made = Visit(context.new_page())
    made.page.on("request", lambda request: made.asked.append(request.url))
    made.page.on("pageerror", lambda error: made.complaints.append(str(error)))
    made.page.on("console", made.note)
    yield made
    context.close()
