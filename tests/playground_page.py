"""The page that plays networks, opened in Chromium without a network, for the tests of what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from chromium import Visit, visit
from playwright.sync_api import Browser

from pipeline.report.playground import Play, render_playground

SAID = """[...document.querySelectorAll(".card")].map(card => [
  card.querySelector("h3").textContent,
  ...[...card.querySelectorAll(".said")].map(one => one.textContent)])"""

MARGINS = """[...document.querySelectorAll("#margins tr")].map(
  row => [...row.children].map(cell => cell.textContent))"""

SETTLED = "html[data-ready]:is([data-busy=''], [data-busy=heard])"


def write_page(folder: Path, name: str, play: Play) -> None:
    (folder / f"{name}.html").write_text(render_playground(play) or "", encoding="utf-8")


@contextmanager
def opened(
    browser: Browser, pages: Path, name: str = "known", hash: str = "", **settings: Any
) -> Iterator[Visit]:
    """The page when all is drawn; when the block ends, it asked for and complained of nothing."""
    address = (pages / f"{name}.html").as_uri() + hash
    with visit(browser, offline=True, **settings) as seen:
        seen.page.goto(address)
        settle(seen)
        yield seen
        assert seen.complaints == []
        assert [one.split("#")[0] for one in seen.asked] == [address.split("#")[0]]


def settle(seen: Visit, until: str = SETTLED) -> None:
    """Wait until everything that follows a change has been drawn; what is read aloud comes later."""
    seen.page.wait_for_selector(until)


def go(seen: Visit, hash: str) -> None:
    """Follow a link into the page, which takes all settings from it."""
    seen.page.evaluate(
        """async hash => {
          for (const to of ["#text=&words=1", hash]) {  // so that it changes in any case
            await new Promise(done => {
              addEventListener("hashchange", done, { once: true });
              location.hash = to;
            });
          }
        }""",
        hash,
    )
    settle(seen)
