"""Written texts as a page and on the terminal: whole, inert, and told apart."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from factories.pages import HOSTILE, Page
from factories.writing import make_text, make_writing
from rich.console import Console

from pipeline.analysis.writing import BEGINS, WrittenText, WrittenToken, split_prompt
from pipeline.errors import ReportError
from pipeline.report.terminal_writing import show_writing
from pipeline.report.written import format_probability, render, write_page

PROMPT = "The plot of this zyzzyva film"


def _page(**changes) -> Page:
    return Page(render(make_writing(**changes)))


def _printed(width: int = 200, *, terminal: bool = True, **changes) -> str:
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=terminal, highlight=False, color_system=None
    )
    show_writing(make_writing(**changes), console)
    return out.getvalue()


def test_the_page_has_every_text_after_its_prompt():
    page = _page()
    assert page.text.count(f"{PROMPT} is very good, and I can say") == 6
    assert page.text.count("isn't bad either:") == 12
    assert page.text.count("(end of text)") == 6
    assert page.text.count("…") == 6
    assert f"h2 “{PROMPT}”" in page.headings
    assert f"h2 {BEGINS}" in page.headings
    assert [one for one in page.headings if one.startswith("h3")] == [
        *("h3 simple_rnn", "h3 gru", "h3 lstm") * 2
    ]
    assert page.count("s") == 6  # what a network does not know of a prompt
    assert page.away == []


def test_every_word_has_its_shade_and_the_five_likeliest():
    words = [attributes for _, attributes in _page().elements if "data-p" in attributes]
    assert len(words) == 2 * 3 * (2 * len(make_text(ends=False).tokens) + 1)
    told = (words[0]["data-top"] or "").split("\t")
    assert len(told) == 10
    assert all(share.endswith("%") for share in told[1::2])
    token = WrittenToken(" so", 0.25, (("so", 0.25),), 0)
    writing = make_writing(prompts=("",), cells=("lstm",), samples=1)
    (network,) = writing.networks
    one = replace(network, texts=((WrittenText((token,)),),))
    page = Page(render(replace(writing, networks=(one,))))
    ((_, word),) = [found for found in page.elements if "data-p" in found[1]]
    assert (word["class"], word["data-p"], word["data-top"]) == ("word s5", "25%", "so\t25%")
    assert (word["data-at"], word["tabindex"]) == ("0", "0")


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1, "100%"), (0.1, "10%"), (0.0994, "9.9%"), (0.0995, "10%"), (0.0006, "0.1%"), (0, "<0.1%")],
)
def test_probabilities_have_the_digits_that_they_need(share, shown):
    assert format_probability(share) == shown


def test_markup_in_prompts_and_tokens_is_text():
    hostile = [HOSTILE, "</script>", '" onmouseover="alert(3)', "<img src=x onerror=alert(4)>"]
    page = _page(prompts=(HOSTILE,), words=hostile)
    assert (page.count("script"), page.count("img"), page.count("style")) == (1, 0, 1)
    assert "alert" not in "".join(page.scripts)
    names = {name for _, attributes in page.elements for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    assert page.text.count(HOSTILE) > 6


def test_a_page_that_cannot_be_written_is_an_error_in_a_line(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ReportError, match="the page cannot be written to"):
        write_page(make_writing(), tmp_path / "file" / "page.html")


def test_networks_stand_beside_each_other_where_there_is_room():
    wide = _printed(200).splitlines()
    assert wide[0].split() == ["simple_rnn", "gru", "lstm"]
    assert wide[1].count("The plot of this zyzzyva(?) film") == 3
    narrow = _printed(70)
    assert max(map(len, narrow.splitlines())) <= 70
    assert narrow.index("simple_rnn") < narrow.index(" gru ") < narrow.index(" lstm ")
    assert "(?) is not in the vocabulary" in narrow
    assert "(?)" not in _printed(prompts=("The plot",))


def test_in_a_pipe_a_text_is_a_line():
    lines = _printed(80, terminal=False, samples=1).splitlines()
    text = "is very good, and I can say that it was one of the best films that I have seen"
    assert sum(line.startswith(f"The plot of this zyzzyva(?) film {text}") for line in lines) == 3
    assert sum(line.startswith(text) for line in lines) == 3
    assert lines[-1] == "temperature 0.8, seed 0; at most 100 tokens"


def test_the_terminal_is_not_controlled_by_a_text():
    printed = _printed(prompts=("a\x1b[31mb",), words=["\x1b]0;title\x07"])
    assert "\x1b" not in printed
    assert "\x07" not in printed


def test_a_prompt_is_split_where_it_is_unknown():
    parts = [*split_prompt("ab cd ef", ((0, 2), (6, 8)))]
    assert parts == [("ab", True), (" cd ", False), ("ef", True)]
    assert [*split_prompt("", ())] == []
    assert [*split_prompt("ab", ())] == [("ab", False)]
