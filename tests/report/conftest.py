"""What the tests of pages share: Chromium, and the page that plays networks, opened in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from factories.playing import make_play

if TYPE_CHECKING:
    from chromium import Visit
    from playwright.sync_api import Browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")
    from chromium import open_chromium

    with open_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def known(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """The page of networks that forget at a known pace."""
    from playground_page import opened, write_page

    folder = tmp_path_factory.mktemp("known")
    write_page(folder, "known", make_play())
    with opened(browser, folder) as seen:
        yield seen


@pytest.fixture
def fresh(known: Visit) -> Visit:
    """That page as it is opened."""
    from playground_page import go

    go(known, "")
    return known
