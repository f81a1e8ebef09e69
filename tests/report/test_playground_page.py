"""The page that plays networks, in real browsers without a network: typed into, pushed apart, linked to.

The networks of `factories.playing` forget at a known pace, so that the page's numbers are known as well.
Skipped where Chromium or Firefox is not installed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from axe_playwright_python.sync_playwright import Axe
from chromium import Visit, open_chromium, visit
from factories.pages import HOSTILE
from factories.playing import HALF_LIVES, HEADS, STORY, SURE, make_play, make_player, make_writers
from firefox import open_firefox
from playwright.sync_api import Browser

from pipeline.config.schema import ArchitectureConfig
from pipeline.report.playground import Example, render_playground

pytestmark = pytest.mark.browser

SAID = """[...document.querySelectorAll(".card")].map(card => [
  card.querySelector("h3").textContent,
  ...[...card.querySelectorAll(".said")].map(one => one.textContent)])"""
MARGINS = """[...document.querySelectorAll("#margins tr")].map(
  row => [...row.children].map(cell => cell.textContent))"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def pages(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    plays = {"known": make_play(), "hostile": _hostile(), "writers": make_writers()}
    for name, play in plays.items():
        (folder / f"{name}.html").write_text(render_playground(play) or "", encoding="utf-8")
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


@contextmanager
def opened(
    browser: Browser, pages: Path, name: str = "known", hash: str = "", **settings: Any
) -> Iterator[Visit]:
    """The page when all is drawn; when the block ends, it asked for and complained of nothing."""
    address = (pages / f"{name}.html").as_uri() + hash
    with visit(browser, offline=True, **settings) as seen:
        seen.page.goto(address)
        _settle(seen)
        yield seen
        assert seen.complaints == []
        assert [one.split("#")[0] for one in seen.asked] == [address.split("#")[0]]


SETTLED = "html[data-ready]:is([data-busy=''], [data-busy=heard])"


def _settle(seen: Visit, until: str = SETTLED) -> None:
    """Wait until everything that follows a change has been drawn; what is read aloud comes later."""
    seen.page.wait_for_selector(until)


def _go(seen: Visit, hash: str) -> None:
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
    _settle(seen)


@pytest.fixture(scope="module")
def known(browser: Browser, pages: Path) -> Iterator[Visit]:
    with opened(browser, pages) as seen:
        yield seen


@pytest.fixture
def fresh(known: Visit) -> Visit:
    """The page as it is opened."""
    _go(known, "")
    return known


def test_every_network_answers_while_one_types(fresh: Visit) -> None:
    for text, answer in (("a terrible", "negative"), ("a wonderful", "positive")):
        fresh.page.fill("#text", text)
        _settle(fresh)
        said = fresh.page.evaluate(SAID)
        assert [name for name, *_ in said] == [*HALF_LIVES]
        for _, sentiment, subject in said:
            assert sentiment == f"{answer} {100 / (1 + math.exp(-5)):.1f}%"
            assert subject == "film 33%"  # all three are as likely


def test_half_lives_are_those_of_the_networks(fresh: Visit) -> None:
    fresh.page.fill("#text", "terrible")
    _settle(fresh)
    rows = {name: (alone, half) for name, alone, *_, half in fresh.page.evaluate(MARGINS)}
    expected = {name: f"{half} words" for name, half in HALF_LIVES.items()}
    # Backward, words after the text come first, so that half of the margin stays for ever.
    assert {name: half for name, (_, half) in rows.items()} == {
        **expected,
        "bi_lstm": "beyond 400",
    }
    assert {alone for alone, _ in rows.values()} == {"5.00"}
    fresh.page.check("input[value=both]")
    _settle(fresh)
    halves = {name: half for name, *_, half in fresh.page.evaluate(MARGINS)}
    assert halves == expected


def test_the_slider_moves_the_answers_and_the_margins(fresh: Visit) -> None:
    fresh.page.fill("#text", "terrible")
    fresh.page.focus("#words")
    for _ in range(2):  # sentence by sentence
        fresh.page.keyboard.press("ArrowRight")
    _settle(fresh)
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
    (tmp_path / "told.html").write_text(render_playground(play) or "", encoding="utf-8")
    with opened(browser, tmp_path, "told", "#text=terrible&words=6") as seen:
        for words, sentences in ((6, 2), (0, 1)):  # with none there is one sentence
            seen.page.fill("#words", str(words))
            _settle(seen)
            rows = {name: without for name, _, _, without, _ in seen.page.evaluate(MARGINS)}
            for name in ("simple_rnn", "gru", "lstm"):
                kept = [2 ** (-3 * one / HALF_LIVES[name]) for one in range(sentences)]
                assert float(rows[name].replace("−", "-")) == pytest.approx(
                    -5 * sum(kept), abs=0.02
                )


def test_half_lives_are_of_answers_that_fade_for_good(browser: Browser, tmp_path: Path) -> None:
    """A word that says the opposite, and then one that says it again, after many that say nothing."""
    play = make_play(neutral=("nobody wonderful", "terrible nobody", " ".join(["nobody"] * 36)))
    (tmp_path / "told.html").write_text(render_playground(play) or "", encoding="utf-8")
    with opened(browser, tmp_path, "told", "#text=terrible") as seen:
        rows = {name: half for name, *_, half in seen.page.evaluate(MARGINS)}
        # At 2 words hardly anything is left of the margin, at 4 nearly all of it.
        assert rows["lstm"] == "beyond 400"
        seen.page.fill("#text", "the")
        _settle(seen)
        rows = {name: half for name, *_, half in seen.page.evaluate(MARGINS)}
        assert set(rows.values()) == {"unsure from the start"}


def test_a_word_is_left_out_and_put_back(fresh: Visit) -> None:
    word = fresh.page.get_by_role("button", name="terrible")
    word.click()
    _settle(fresh)
    out = fresh.page.get_by_role("button", name="terrible, left out")
    assert out.get_attribute("aria-pressed") == "true"
    for _, sentiment, subject in fresh.page.evaluate(SAID):
        assert re.fullmatch(r"negative 50%was 9\d\.\d%", sentiment)
        assert subject.startswith("film 9")
    fresh.page.get_by_role("button", name="Put all words back").click()
    _settle(fresh)
    assert all("was" not in sentiment for _, sentiment, _ in fresh.page.evaluate(SAID))


def test_words_are_shaded_by_what_they_do(fresh: Visit) -> None:
    fresh.page.select_option("#shade", "lstm")
    _settle(fresh)
    shaded = fresh.page.query_selector_all(".words .for")
    assert [one.text_content() for one in shaded] == ["terrible"]
    alone = {name: alone for name, alone, *_ in fresh.page.evaluate(MARGINS)}["lstm"]
    title = shaded[0].get_attribute("title")
    assert title == f"without it the margin of the answer falls by {alone}"


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
    _settle(fresh)
    kept = 2 ** (-1 / HALF_LIVES["lstm"])
    constant = round(-1 / math.log(kept))
    fresh.page.focus(".frame")
    for key in ("Home", *["ArrowRight"] * 3, "ArrowUp"):
        fresh.page.keyboard.press(key)
    said = fresh.page.text_content("#read-off")
    assert said == f"“movie”, unit 1, forget gate {kept:.2f}, time constant {constant} words"
    fresh.page.select_option("#what", "cell")
    _settle(fresh)
    box = fresh.page.locator(".frame canvas").bounding_box()
    assert box
    fresh.page.mouse.move(box["x"] + box["width"] - 3, box["y"] + 16)
    tip = fresh.page.text_content("#tip")
    assert tip == fresh.page.text_content("#read-off")
    assert re.fullmatch(
        r"“\.”, unit 2, cell state 0\.00, time constant 14\d words|“\.”.*−0\.00.*", tip or ""
    )
    fresh.page.select_option("#which", "simple_rnn/0/0")
    _settle(fresh)
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
    _settle(fresh)
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
    _settle(fresh)
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
    _go(fresh, hash)
    assert len(fresh.page.query_selector_all(".words .token")) == 15
    assert fresh.page.is_hidden("#fault")
    held = parse_qs(fresh.page.evaluate("location.hash")[1:])
    assert set(held) <= {"words"}  # the only one with a meaning


def test_what_the_page_knows_is_kept_of_an_address(fresh: Visit) -> None:
    hash = "#head=subject&seeds=gru%3D1%3Blstm%3D0&which=bi_lstm/0/1&what=cell&out=2.99"
    _go(fresh, hash)
    held = parse_qs(fresh.page.evaluate("location.hash")[1:])
    assert {name: value for name, [value] in held.items()} == {
        "head": "subject",
        "seeds": "gru=1",  # that of the lstm is played anyway
        "which": "bi_lstm/0/1",
        "what": "cell",
        "out": "2",
    }


@pytest.mark.parametrize("words", [0, 25])
def test_without_a_text_nothing_is_shown(fresh: Visit, words: int) -> None:
    fresh.page.fill("#words", str(words))
    _settle(fresh)
    assert fresh.page.query_selector_all(".curve")
    fresh.page.fill("#text", "")
    _settle(fresh)
    assert {one for _, *said in fresh.page.evaluate(SAID) for one in said} == {"–"}
    assert fresh.page.evaluate(MARGINS) == []
    nothing = "Nothing to show: there is no text."
    assert fresh.page.text_content(".figure svg") == nothing
    assert fresh.page.text_content("#read-off") == nothing
    assert fresh.page.is_hidden(".frame")
    assert fresh.page.is_disabled("#replay")
    fresh.page.fill("#text", "terrible")
    _settle(fresh)
    assert fresh.page.is_visible(".frame")
    assert len(fresh.page.evaluate(MARGINS)) == len(HALF_LIVES)
    fresh.page.get_by_role("button", name="terrible").click()  # nor where all of it is left out
    _settle(fresh)
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
    _settle(fresh)
    assert notes in (fresh.page.text_content("#notes") or "")
    answers = {sentiment for _, sentiment, _ in fresh.page.evaluate(SAID)}
    assert ("–" in answers) == (not text.strip())


def test_the_answers_are_read_aloud_when_one_has_stopped(fresh: Visit) -> None:
    fresh.page.fill("#text", "wonderful")
    _settle(fresh, "html[data-busy='']")
    heard = fresh.page.text_content("#heard") or ""
    assert heard.startswith("simple_rnn: positive 99.3%, film 33%; gru: positive 99.3%")


def test_reading_word_by_word_goes_through_the_text(fresh: Visit) -> None:
    fresh.page.fill("#text", "a wonderful movie")
    _settle(fresh)
    fresh.page.evaluate("""() => {
      window.seen = [];
      new MutationObserver(() => {
        const word = document.querySelector(".words .pointed")?.textContent;
        if (word && word !== window.seen[window.seen.length - 1]) window.seen.push(word);
      }).observe(document.querySelector(".words"), { subtree: true, attributes: true });
    }""")
    fresh.page.click("#replay")
    _settle(fresh)  # not by a function of the page, which may evaluate none
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


def test_the_median_seed_is_marked_and_the_end_names_the_chosen_one(fresh: Visit) -> None:
    menu = fresh.page.locator("[aria-label='Seed of gru']")
    assert menu.locator("option").all_text_contents() == ["seed 0 (median)", "seed 1"]
    assert menu.input_value() == "0"
    menu.select_option("1")
    _settle(fresh)
    runs = fresh.page.locator(".runs li").all_text_contents()
    assert runs[1] == "gru: 1 layer of 2 units, seed 1, run gru1"
    assert runs[2] == "lstm: 1 layer of 2 units, seed 0 (median), run lstm0"


def test_seeds_stand_in_order_wherever_the_median_is(browser: Browser, tmp_path: Path) -> None:
    player = make_player("gru")
    turned = replace(player, seeds=tuple(reversed(player.seeds)))
    page = render_playground(make_play(players=(turned,)))
    (tmp_path / "turned.html").write_text(page or "", encoding="utf-8")
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


def test_the_slider_stays_in_sight_on_a_phone(browser: Browser, pages: Path) -> None:
    with opened(browser, pages, width=360) as seen:
        for selector in ("h1", "#text", ".answers"):
            seen.page.locator(selector).scroll_into_view_if_needed()
            box = seen.page.locator("#words").bounding_box()
            height = seen.page.evaluate("innerHeight")
            assert box and 0 < box["y"] < box["y"] + box["height"] <= height


def test_markup_anywhere_is_only_text(browser: Browser, pages: Path) -> None:
    with opened(browser, pages, "hostile") as seen:
        seen.page.fill("#words", "3")
        seen.page.select_option("#shade", f"lstm {HOSTILE}")
        seen.page.fill("#text", f"terrible {HOSTILE} <img src=y onerror=alert(3)>")
        _settle(seen)
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


@pytest.fixture(scope="module")
def writing(browser: Browser, pages: Path) -> Iterator[Visit]:
    with opened(browser, pages, "writers") as seen:
        yield seen


NEXT = """[...document.querySelectorAll(".next")].map(list => [...list.querySelectorAll("button")]
  .map(one => [one.querySelector(".what").textContent, one.querySelector(".share").textContent]))"""
WRITTEN = "[...document.querySelectorAll('.network .text')].map(one => one.textContent)"


def test_the_likeliest_next_words_are_shown_and_taken(writing: Visit) -> None:
    _go(writing, "#text=the")
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
        _settle(writing)
    assert writing.page.input_value("#beginning") == "the plot of this"
    assert button.evaluate("button => button === document.activeElement")
    writing.page.fill("#beginning", "good")
    _settle(writing)
    assert button.locator(".what").text_content() == "(end of text)"
    assert button.is_disabled()


def test_every_network_writes_on(writing: Visit) -> None:
    _go(writing, "#text=the+plot&temperature=0")
    story = " ".join(STORY)
    assert writing.page.evaluate(WRITTEN) == [f"{story} (end of text)"] * 2
    writing.page.fill("#length", "2")
    _settle(writing)
    assert writing.page.evaluate(WRITTEN) == ["the plot of this …"] * 2
    writing.page.fill("#beginning", "a zyx the")
    _settle(writing)
    assert "a, zyx" in (writing.page.text_content("#beginning-notes") or "")
    crossed = writing.page.query_selector_all(".network:first-child .prompt s")
    assert [one.text_content() for one in crossed] == ["a", "zyx"]


def test_a_seed_writes_the_same_again(browser: Browser, pages: Path, writing: Visit) -> None:
    _go(writing, "#temperature=2&length=20")
    texts = [writing.page.evaluate(WRITTEN)]
    for seed in range(1, 5):
        writing.page.click("#another")
        _settle(writing)
        assert writing.page.input_value("#seed") == str(seed)
        texts.append(writing.page.evaluate(WRITTEN))
    assert len({one for one, _ in texts}) > 2
    hash = writing.page.evaluate("location.hash")
    with opened(browser, pages, "writers", hash) as other:
        assert other.page.evaluate(WRITTEN) == texts[-1]
        other.page.fill("#top", "1")
        _settle(other)
        assert other.page.evaluate(WRITTEN)[0] == f"{' '.join(STORY)} (end of text)"


def test_a_written_word_tells_what_else_was_likely(writing: Visit) -> None:
    _go(writing, "#temperature=0")
    words = writing.page.query_selector_all(".network .word")
    words[0].hover()
    rows = writing.page.eval_on_selector_all("#tip tr", "rows => rows.map(one => one.textContent)")
    assert (len(rows), rows[0][:2]) == (5, "of")
    assert writing.page.text_content("#tip tr.chosen td") == "of"
    summary = writing.page.locator(".network summary").first
    summary.click()
    assert writing.page.text_content(".network tbody th") == "of"
    summary.click()


def test_firefox_says_the_same(pages: Path, fresh: Visit, tmp_path: Path) -> None:
    _go(fresh, "#words=15&place=both&which=lstm/0/0&what=cell")
    with open_firefox(tmp_path) as firefox:
        firefox.ask("WebDriver:Navigate", url=(pages / "known.html").as_uri())
        settled = f'document.querySelector("{SETTLED}")'
        firefox.wait_for(settled)
        firefox.run("location.hash = '#words=15&place=both&which=lstm/0/0&what=cell'")
        firefox.wait_for(f"{settled} && document.querySelector('.words .neutral')")
        for script in (SAID, MARGINS, "document.querySelector('#read-off').textContent"):
            assert firefox.run(f"return {script};") == fresh.page.evaluate(script)
        assert firefox.complaints() == []
