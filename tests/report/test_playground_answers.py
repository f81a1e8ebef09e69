"""Test what the page that plays networks says of a text: answers, margins, half-lives, notes.

The networks of `factories.playing` forget at a known pace, so that the page's numbers are known as well.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from chromium import Visit
from factories.playing import HALF_LIVES, HEADS, make_play, make_player
from playground_page import MARGINS, SAID, opened, settle, write_page
from playwright.sync_api import Browser

from pipeline.report.playground import render_playground

pytestmark = pytest.mark.browser


def test_every_network_answers_while_one_types(fresh: Visit) -> None:
    for text, answer in (("a terrible", "negative"), ("a wonderful", "positive")):
        fresh.page.fill("#text", text)
        settle(fresh)
        said = fresh.page.evaluate(SAID)
        assert [name for name, *_ in said] == [*HALF_LIVES]
        for _, sentiment, subject in said:
            assert sentiment == f"{answer} {100 / (1 + math.exp(-5)):.1f}%"
            assert subject == "film 33%"  # all three are as likely


def test_half_lives_are_those_of_the_networks(fresh: Visit) -> None:
    fresh.page.fill("#text", "terrible")
    settle(fresh)
    rows = {name: (alone, half) for name, alone, *_, half in fresh.page.evaluate(MARGINS)}
    expected = {name: f"{half} words" for name, half in HALF_LIVES.items()}
    # Backward, words after the text come first, so that half of the margin stays for ever.
    assert {name: half for name, (_, half) in rows.items()} == {
        **expected,
        "bi_lstm": "beyond 400",
    }
    assert {alone for alone, _ in rows.values()} == {"5.00"}
    fresh.page.check("input[value=both]")
    settle(fresh)
    halves = {name: half for name, *_, half in fresh.page.evaluate(MARGINS)}
    assert halves == expected


def test_the_slider_moves_the_answers_and_the_margins(fresh: Visit) -> None:
    fresh.page.fill("#text", "terrible")
    fresh.page.focus("#words")
    for _ in range(2):  # sentence by sentence
        fresh.page.keyboard.press("ArrowRight")
    settle(fresh)
    assert fresh.page.text_content("#count") == "10 neutral words after the text"
    margins = {name: float(now) for name, _, now, *_ in fresh.page.evaluate(MARGINS)}
    for name in ("simple_rnn", "gru", "lstm"):
        assert margins[name] == pytest.approx(5 * 2 ** (-10 / HALF_LIVES[name]), abs=0.01)
    said = {name: sentiment for name, sentiment, _ in fresh.page.evaluate(SAID)}
    assert said["simple_rnn"] == "negative 92.4%was 99.3%"
    assert fresh.page.text_content(".words .neutral") == "10 neutral words"
    fresh.page.hover(".card:nth-child(2)")
    faint = fresh.page.query_selector_all(".curve.faint")
    assert [one.get_attribute("data-name") for one in faint] == ["simple_rnn", "lstm", "bi_lstm"]
    # A row of the numbers for each word that was read, the neutral ones too.
    fresh.page.click("#by-word summary")
    assert len(fresh.page.query_selector_all("#by-word tbody tr")) == 11
    fresh.page.click("#by-word summary")


def test_the_margin_without_the_text_is_that_of_the_neutral_words(
    browser: Browser, tmp_path: Path
) -> None:
    play = make_play(neutral=("It was wonderful",))
    write_page(tmp_path, "told", play)
    with opened(browser, tmp_path, "told", "#text=terrible&words=6") as seen:
        for words, sentences in ((6, 2), (0, 1)):  # with none there is one sentence
            seen.page.fill("#words", str(words))
            settle(seen)
            rows = {name: without for name, _, _, without, _ in seen.page.evaluate(MARGINS)}
            for name in ("simple_rnn", "gru", "lstm"):
                kept = [2 ** (-3 * one / HALF_LIVES[name]) for one in range(sentences)]
                assert float(rows[name].replace("−", "-")) == pytest.approx(
                    -5 * sum(kept), abs=0.02
                )


def test_half_lives_are_of_answers_that_fade_for_good(browser: Browser, tmp_path: Path) -> None:
    """After two words the margin is gone, and after four it is back."""
    play = make_play(neutral=("nobody wonderful", "terrible nobody", " ".join(["nobody"] * 36)))
    write_page(tmp_path, "told", play)
    with opened(browser, tmp_path, "told", "#text=terrible") as seen:
        rows = {name: half for name, *_, half in seen.page.evaluate(MARGINS)}
        assert float(rows["lstm"].removesuffix(" words")) == pytest.approx(
            HALF_LIVES["lstm"], rel=0.1
        )
        seen.page.fill("#text", "the")
        settle(seen)
        rows = {name: half for name, *_, half in seen.page.evaluate(MARGINS)}
        assert set(rows.values()) == {"unsure from the start"}


def test_a_word_is_left_out_and_put_back(fresh: Visit) -> None:
    word = fresh.page.get_by_role("button", name="terrible")
    word.click()
    settle(fresh)
    out = fresh.page.get_by_role("button", name="terrible, left out")
    assert out.get_attribute("aria-pressed") == "true"
    for _, sentiment, subject in fresh.page.evaluate(SAID):
        assert re.fullmatch(r"negative 50%was 9\d\.\d%", sentiment)
        assert subject.startswith("film 9")
    fresh.page.get_by_role("button", name="Put all words back").click()
    settle(fresh)
    assert all("was" not in sentiment for _, sentiment, _ in fresh.page.evaluate(SAID))


def test_words_are_shaded_by_what_they_do(fresh: Visit) -> None:
    fresh.page.select_option("#shade", "lstm")
    settle(fresh)
    shaded = fresh.page.query_selector_all(".words .for")
    assert [one.text_content() for one in shaded] == ["terrible"]
    alone = {name: alone for name, alone, *_ in fresh.page.evaluate(MARGINS)}["lstm"]
    title = shaded[0].get_attribute("title")
    assert title == f"without it the margin of the answer falls by {alone}"


@pytest.mark.parametrize("words", [0, 25])
def test_without_a_text_nothing_is_shown(fresh: Visit, words: int) -> None:
    fresh.page.fill("#words", str(words))
    settle(fresh)
    assert fresh.page.query_selector_all(".curve")
    fresh.page.fill("#text", "")
    settle(fresh)
    assert {one for _, *said in fresh.page.evaluate(SAID) for one in said} == {"–"}
    assert fresh.page.evaluate(MARGINS) == []
    nothing = "Nothing to show: there is no text."
    assert fresh.page.text_content(".figure svg") == nothing
    assert fresh.page.text_content("#read-off") == nothing
    assert fresh.page.is_hidden(".frame")
    assert fresh.page.is_disabled("#replay")
    fresh.page.fill("#text", "terrible")
    settle(fresh)
    assert fresh.page.is_visible(".frame")
    assert len(fresh.page.evaluate(MARGINS)) == len(HALF_LIVES)
    fresh.page.get_by_role("button", name="terrible").click()  # nor where all of it is left out
    settle(fresh)
    assert {one for _, *said in fresh.page.evaluate(SAID) for one in said} == {"–"}


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("", "Nothing to read yet"),
        ("  \n ", "Nothing to read yet"),
        ("Zyx qwv", "The networks know none of these words"),
        ("A terrible zyx", "1 dotted word is unknown to the networks, which read all such"),
        ("A <b>terrible</b> &lt;br&gt; film", "Tags are left out, as in training."),
        ("the " * 300, "As in training, 200 tokens are read, and 100 at the end are cut"),
    ],
)
def test_what_the_networks_do_not_know_is_said(fresh: Visit, text: str, notes: str) -> None:
    fresh.page.fill("#text", text)
    settle(fresh)
    assert notes in (fresh.page.text_content("#notes") or "")
    answers = {sentiment for _, sentiment, _ in fresh.page.evaluate(SAID)}
    assert ("–" in answers) == (not text.strip())


def test_the_answers_are_read_aloud_when_one_has_stopped(fresh: Visit) -> None:
    fresh.page.fill("#text", "wonderful")
    settle(fresh, "html[data-busy='']")
    heard = fresh.page.text_content("#heard") or ""
    assert heard.startswith("simple_rnn: positive 99.3%, film 33%; gru: positive 99.3%")


def test_the_median_seed_is_marked_and_the_end_names_the_chosen_one(fresh: Visit) -> None:
    menu = fresh.page.locator("[aria-label='Seed of gru']")
    assert menu.locator("option").all_text_contents() == ["seed 0 (median)", "seed 1"]
    assert menu.input_value() == "0"
    menu.select_option("1")
    settle(fresh)
    runs = fresh.page.locator(".runs li").all_text_contents()
    assert runs[1] == "gru: 1 layer of 2 units, seed 1, run gru1"
    assert runs[2] == "lstm: 1 layer of 2 units, seed 0 (median), run lstm0"


def test_seeds_stand_in_order_wherever_the_median_is(browser: Browser, tmp_path: Path) -> None:
    player = make_player("gru")
    turned = replace(player, seeds=tuple(reversed(player.seeds)))
    write_page(tmp_path, "turned", make_play(players=(turned,)))
    with opened(browser, tmp_path, "turned") as seen:
        menu = seen.page.locator("[aria-label='Seed of gru']")
        assert menu.locator("option").all_text_contents() == ["seed 0 (median)", "seed 1"]
        assert menu.input_value() == "1"  # what is first is played first


def test_the_right_answer_is_that_of_an_unchanged_example(fresh: Visit) -> None:
    right = fresh.page.locator("#right")
    assert right.text_content() == "Right answer: negative, film."
    fresh.page.fill("#words", "25")  # neutral words change nothing of it
    assert right.text_content() == "Right answer: negative, film."
    fresh.page.click(".words .token >> nth=1")
    assert right.text_content() == ""
    fresh.page.click("#restore")
    assert right.text_content() == "Right answer: negative, film."
    fresh.page.fill("#text", "A terrible movie")
    assert right.text_content() == ""
    fresh.page.get_by_role("button", name="Short").click()  # of which none is known
    assert right.text_content() == ""


@pytest.mark.parametrize(
    ("heads", "told"),
    [
        (HEADS, "They answer: sentiment: negative or positive; subject: film, music or plot."),
        (
            {"label": "abcdefghijklmno"},
            "They answer: label: a, b, c, d, e, f, g, h, i, j, k, l and 3 others.",
        ),
    ],
)
def test_the_page_says_what_the_networks_answer(heads: Any, told: str) -> None:
    heads = {name: tuple(labels) for name, labels in heads.items()}
    play = make_play(players=(make_player("gru", heads=heads),), rule="Only “I” counts.")
    assert f"<p>{told} Only “I” counts.</p>" in (render_playground(play) or "")
