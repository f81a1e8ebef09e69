"""Test the page that plays language models: likely next words, written texts, what the address holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from chromium import Visit
from factories.playing import STORY, SURE, make_writers
from playground_page import go, opened, settle, write_page
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    write_page(folder, "writers", make_writers())
    return folder


@pytest.fixture(scope="module")
def writing(browser: Browser, pages: Path) -> Iterator[Visit]:
    with opened(browser, pages, "writers") as seen:
        yield seen


NEXT = """[...document.querySelectorAll(".next")].map(list => [...list.querySelectorAll("button")]
  .map(one => [one.querySelector(".what").textContent, one.querySelector(".share").textContent]))"""

WRITTEN = "[...document.querySelectorAll('.network .text')].map(one => one.textContent)"


def test_the_likeliest_next_words_are_shown_and_taken(writing: Visit) -> None:
    go(writing, "#text=the")
    size = len(STORY) + 1  # what may be written: the words and the end
    share = math.exp(SURE * math.tanh(2))
    expected = f"{100 * share / (share + size - 1):.1f}%"
    for bars in writing.page.evaluate(NEXT):
        assert bars[0] == ["plot", expected]
        assert len(bars) == 5
    button = writing.page.locator(".next button").first
    for word in ("plot", "of", "this"):
        assert (button.locator(".what").text_content() or "") == word
        button.focus()
        writing.page.keyboard.press("Enter")
        settle(writing)
    assert writing.page.input_value("#beginning") == "the plot of this"
    assert button.evaluate("button => button === document.activeElement")
    writing.page.fill("#beginning", "good")
    settle(writing)
    assert button.locator(".what").text_content() == "(end of text)"
    assert button.is_disabled()


def test_every_network_writes_on(writing: Visit) -> None:
    go(writing, "#text=the+plot&temperature=0")
    story = " ".join(STORY)
    assert writing.page.evaluate(WRITTEN) == [f"{story} (end of text)"] * 2
    writing.page.fill("#length", "2")
    settle(writing)
    assert writing.page.evaluate(WRITTEN) == ["the plot of this …"] * 2
    writing.page.fill("#beginning", "a zyx the")
    settle(writing)
    assert "a, zyx" in (writing.page.text_content("#beginning-notes") or "")
    crossed = writing.page.query_selector_all(".network:first-child .prompt s")
    assert [one.text_content() for one in crossed] == ["a", "zyx"]


def test_a_seed_writes_the_same_again(browser: Browser, pages: Path, writing: Visit) -> None:
    go(writing, "#temperature=2&length=20")
    texts = [writing.page.evaluate(WRITTEN)]
    for seed in range(1, 5):
        writing.page.click("#another")
        settle(writing)
        assert writing.page.input_value("#seed") == str(seed)
        texts.append(writing.page.evaluate(WRITTEN))
    assert len({one for one, _ in texts}) > 2
    hash = writing.page.evaluate("location.hash")
    with opened(browser, pages, "writers", hash) as other:
        assert other.page.evaluate(WRITTEN) == texts[-1]
        other.page.fill("#top", "1")
        settle(other)
        assert other.page.evaluate(WRITTEN)[0] == f"{' '.join(STORY)} (end of text)"


def test_a_written_word_tells_what_else_was_likely(writing: Visit) -> None:
    go(writing, "#temperature=0")
    words = writing.page.query_selector_all(".network .word")
    words[0].hover()
    rows = writing.page.eval_on_selector_all("#tip tr", "rows => rows.map(one => one.textContent)")
    assert (len(rows), rows[0][:2]) == (5, "of")
    assert writing.page.text_content("#tip tr.chosen td") == "of"
    summary = writing.page.locator(".network summary").first
    summary.click()
    assert writing.page.text_content(".network tbody th") == "of"
    summary.click()
