"""The page that plays networks, in real browsers without a network: typed into, pushed apart, linked to.

The networks of `factories.playing` forget at a known pace, so that the page's numbers are known as well.
Skipped where Chromium or Firefox is not installed.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from axe_playwright_python.sync_playwright import Axe
from chromium import Visit, visit
from factories.pages import HOSTILE
from factories.playing import HALF_LIVES, HEADS, make_play, make_player, make_writers
from firefox import open_firefox
from playground_page import MARGINS, SAID, SETTLED, go, opened, settle, write_page
from playwright.sync_api import Browser

from pipeline.config.schema import ArchitectureConfig
from pipeline.report.playground import Example

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    plays = {"known": make_play(), "hostile": _hostile(), "writers": make_writers()}
    for name, play in plays.items():
        write_page(folder, name, play)
    return folder


def _hostile() -> Any:
    """Names, labels, texts and neutral words that are markup."""
    architecture = ArchitectureConfig(name=f"lstm {HOSTILE}", cell="lstm", units=2)
    heads = {HOSTILE: (HOSTILE, "</script>"), "subject": HEADS["subject"]}
    players = (
        make_player("lstm", architecture=architecture, heads=heads),
        make_player("gru", heads=heads),
    )
    return make_play(
        experiment=HOSTILE,
        players=tuple(replace(one, seeds=one.seeds[:1]) for one in players),
        texts=(Example(HOSTILE, f"terrible {HOSTILE}", {HOSTILE: HOSTILE}),),
        rule=HOSTILE,
        neutral=(HOSTILE,),
        left_out=(HOSTILE,),
    )


def test_all_is_done_by_keys(fresh: Visit) -> None:
    fresh.page.focus("#text")
    fresh.page.keyboard.press("Tab")
    focused = "document.activeElement.textContent"
    assert fresh.page.evaluate(focused) == "While"
    for key, word in (("ArrowRight", "watching"), ("End", "."), ("ArrowLeft", "was")):
        fresh.page.keyboard.press(key)
        assert fresh.page.evaluate(focused) == word
        assert fresh.page.text_content(".words .pointed") == word
    # What is focused is what the networks had read by then.
    assert all(one[1].endswith("after “was”") for one in fresh.page.evaluate(SAID))
    fresh.page.keyboard.press("Enter")
    assert fresh.page.get_attribute(".words .token:focus", "aria-pressed") == "true"
    fresh.page.keyboard.press("Tab")
    assert fresh.page.evaluate(focused).endswith("Read word by word")


def test_a_heat_map_is_read_off_by_keys_and_pointer(fresh: Visit) -> None:
    fresh.page.select_option("#which", "lstm/0/0")
    settle(fresh)
    kept = 2 ** (-1 / HALF_LIVES["lstm"])
    constant = round(-1 / math.log(kept))
    fresh.page.focus(".frame")
    for key in ("Home", *["ArrowRight"] * 3, "ArrowUp"):
        fresh.page.keyboard.press(key)
    said = fresh.page.text_content("#read-off")
    assert said == f"“movie”, unit 1, forget gate {kept:.2f}, time constant {constant} words"
    fresh.page.select_option("#what", "cell")
    settle(fresh)
    box = fresh.page.locator(".frame canvas").bounding_box()
    assert box
    fresh.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 16)
    tip = fresh.page.text_content("#tip")
    assert tip == fresh.page.text_content("#read-off")
    assert re.fullmatch(
        r"“\.”, unit 2, cell state 0\.00, time constant 14\d words|“\.”.*−0\.00.*", tip or ""
    )
    fresh.page.select_option("#which", "simple_rnn/0/0")
    settle(fresh)
    kinds = fresh.page.eval_on_selector_all("#what option", "all => all.map(one => one.value)")
    assert kinds == ["hidden"]  # it has no gates


def test_the_address_holds_what_is_set_and_nothing_else_does(
    browser: Browser, pages: Path, fresh: Visit
) -> None:
    fresh.page.fill("#text", "A terrible & <b>long</b> film?")
    fresh.page.check("input[value=before]")
    fresh.page.fill("#words", "25")  # of sentences with 4, 6 and 10 words
    fresh.page.click(".words .token >> nth=1")
    fresh.page.select_option("[aria-label='Seed of gru']", "1")
    fresh.page.select_option("#which", "gru/0/0")
    settle(fresh)
    hash = fresh.page.evaluate("location.hash")
    held = parse_qs(hash[1:])
    assert (held["text"], held["words"]) == (["A terrible & <b>long</b> film?"], ["24"])
    said, margins = fresh.page.evaluate(SAID), fresh.page.evaluate(MARGINS)
    with opened(browser, pages, hash=hash) as other:
        assert other.page.evaluate(SAID) == said
        assert other.page.evaluate(MARGINS) == margins
        assert other.page.input_value("#which") == "gru/0/0"
        assert other.page.evaluate("location.hash") == hash


def test_a_slider_that_is_dragged_changes_the_address_once(fresh: Visit) -> None:
    """Browsers refuse more than some 200 changes in ten seconds, but not when they are tested."""
    fresh.page.evaluate("""() => {
      window.changes = [];
      const replace = history.replaceState;
      history.replaceState = (...all) => { window.changes.push(all[2]); replace.apply(history, all); };
      const slider = document.querySelector("#words");
      for (slider.value = 1; slider.value < 50; slider.value = Number(slider.value) + 1) {
        slider.dispatchEvent(new Event("input"));
      }
    }""")
    settle(fresh)
    assert fresh.page.evaluate("window.changes") == ["#words=50"]
    assert fresh.page.evaluate("location.hash") == "#words=50"


@pytest.mark.parametrize(
    "hash",
    [
        "#words=-3&out=a.b&place=x&seeds=%25",
        "#words=1e9&out=999&which=no/1&head=x",
        "#head=x&shade=y&seeds=gru%3D7%3Bnone%3D1&which=lstm/1/0&what=cell&more=1",
        "#%E0%A4%A",
        "#=",
    ],
)
def test_an_address_that_means_nothing_is_passed_over(fresh: Visit, hash: str) -> None:
    go(fresh, hash)
    assert len(fresh.page.query_selector_all(".words .token")) == 15
    assert fresh.page.is_hidden("#fault")
    held = parse_qs(fresh.page.evaluate("location.hash")[1:])
    assert set(held) <= {"words"}  # the only one with a meaning


def test_what_the_page_knows_is_kept_of_an_address(fresh: Visit) -> None:
    hash = "#head=subject&seeds=gru%3D1%3Blstm%3D0&which=bi_lstm/0/1&what=cell&out=2.99"
    go(fresh, hash)
    held = parse_qs(fresh.page.evaluate("location.hash")[1:])
    assert {name: value for name, [value] in held.items()} == {
        "head": "subject",
        "seeds": "gru=1",  # that of the lstm is played anyway
        "which": "bi_lstm/0/1",
        "what": "cell",
        "out": "2",
    }


def test_reading_word_by_word_goes_through_the_text(fresh: Visit) -> None:
    fresh.page.fill("#text", "a wonderful movie")
    settle(fresh)
    fresh.page.evaluate("""() => {
      window.seen = [];
      new MutationObserver(() => {
        const word = document.querySelector(".words .pointed")?.textContent;
        if (word && word !== window.seen[window.seen.length - 1]) window.seen.push(word);
      }).observe(document.querySelector(".words"), { subtree: true, attributes: true });
    }""")
    fresh.page.click("#replay")
    settle(fresh)  # not by a function of the page, which may evaluate none
    assert fresh.page.evaluate("window.seen") == ["a", "wonderful", "movie"]


@pytest.mark.parametrize("how", ["click", "Escape"])
def test_reading_word_by_word_is_stopped(fresh: Visit, how: str) -> None:
    button = fresh.page.locator("#replay")
    button.click()
    assert button.text_content() == "■ Stop"
    fresh.page.wait_for_selector(".words .pointed")
    if how == "click":
        button.click()
    else:
        fresh.page.keyboard.press(how)
    assert fresh.page.get_attribute("html", "data-busy") in ("", "heard")
    assert button.text_content() == "▶ Read word by word"
    assert not fresh.page.query_selector_all(".words .pointed")


def test_the_slider_stays_in_sight_on_a_phone(browser: Browser, pages: Path) -> None:
    with opened(browser, pages, width=360) as seen:
        for selector in ("h1", "#text", ".answers"):
            seen.page.locator(selector).scroll_into_view_if_needed()
            box = seen.page.locator("#words").bounding_box()
            height = seen.page.evaluate("innerHeight")
            assert box
            assert 0 < box["y"] < box["y"] + box["height"] <= height


def test_markup_anywhere_is_only_text(browser: Browser, pages: Path) -> None:
    with opened(browser, pages, "hostile") as seen:
        seen.page.fill("#words", "3")
        seen.page.select_option("#shade", f"lstm {HOSTILE}")
        seen.page.fill("#text", f"terrible {HOSTILE} <img src=y onerror=alert(3)>")
        settle(seen)
        assert not seen.page.query_selector_all("img")
        assert len(seen.page.query_selector_all("script")) == 3
        (first, *_), _ = seen.page.evaluate(SAID)
        assert first == f"lstm {HOSTILE}"
        assert seen.page.locator(".examples button").text_content() == HOSTILE


def test_a_browser_that_lacks_something_is_told(browser: Browser, pages: Path) -> None:
    with visit(browser, offline=True) as seen:
        seen.page.add_init_script("delete window.DecompressionStream;")
        seen.page.goto((pages / "known.html").as_uri())
        fault = seen.page.locator("#fault", has_text="too old")
        fault.wait_for()
        assert seen.page.is_hidden("main")
    with visit(browser, offline=True, java_script_enabled=False) as seen:
        seen.page.goto((pages / "known.html").as_uri())
        assert "JavaScript" in seen.page.inner_text("#fault")


@pytest.mark.parametrize(
    ("name", "width", "scheme"),
    [
        ("known", 360, "dark"),
        ("known", 1280, "light"),
        ("hostile", 360, "light"),
        ("hostile", 1280, "dark"),
        ("writers", 360, "dark"),
    ],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_page(
    browser: Browser, pages: Path, name: str, width: int, scheme: str
) -> None:
    hash = "#words=20&place=both&out=1&shade=lstm&which=lstm/0/0"
    with opened(browser, pages, name, hash, width=width, color_scheme=scheme) as seen:
        seen.page.click("details:visible summary >> nth=0")
        seen.page.set_viewport_size({"width": width, "height": 500})  # so that much is scrolled
        found = Axe().run(seen.page).response
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert len(found["passes"]) > 20
    assert [
        (one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]
    ] == []


def test_firefox_says_the_same(pages: Path, fresh: Visit, tmp_path: Path) -> None:
    go(fresh, "#words=15&place=both&which=lstm/0/0&what=cell")
    with open_firefox(tmp_path) as firefox:
        firefox.ask("WebDriver:Navigate", url=(pages / "known.html").as_uri())
        settled = f'document.querySelector("{SETTLED}")'
        firefox.wait_for(settled)
        firefox.run("location.hash = '#words=15&place=both&which=lstm/0/0&what=cell'")
        firefox.wait_for(f"{settled} && document.querySelector('.words .neutral')")
        for script in (SAID, MARGINS, "document.querySelector('#read-off').textContent"):
            assert firefox.run(f"return {script};") == fresh.page.evaluate(script)
        assert firefox.complaints() == []
