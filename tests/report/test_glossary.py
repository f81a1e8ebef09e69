"""The glossary: terms are linked where they are used, and others' names stay text."""

from __future__ import annotations

import pytest
from factories.pages import HOSTILE, Page

from pipeline.report.glossary import TERMS, Glossary


def _links(markup: str) -> list[str | None]:
    return [attributes["href"] for tag, attributes in Page(markup).elements if tag == "a"]


def test_the_first_use_in_each_text_is_linked_and_remembered() -> None:
    glossary = Glossary()
    text = "A seed differs from other seeds; its margin is small."
    assert _links(glossary.link(text)) == ["#term-seed", "#term-margin-of-an-answer"]
    assert Page(glossary.link(text)).text == text
    assert _links(glossary.link("More seeds")) == ["#term-seed"]
    assert [term.name for term in glossary.used] == ["margin of an answer", "seed"]
    assert Glossary().used == []


@pytest.mark.parametrize(
    ("text", "id"),
    [
        ("half of the mean margin", "margin-of-an-answer"),
        ("a difference that matters", "difference-that-matters"),
        ("it is too small to matter", "difference-that-matters"),
        ("Half-lives in words", "half-life"),
        ("p (Holm)", "holm-s-correction"),
        ("the order-free baseline", "baseline"),
    ],
)
def test_a_term_is_known_in_the_forms_that_the_page_writes(text: str, id: str) -> None:
    assert _links(Glossary().link(text)) == [f"#term-{id}"]


@pytest.mark.parametrize("text", ["marginal", "seedling", "heads-up", "non-seed"])
def test_a_part_of_a_word_is_no_use(text: str) -> None:
    assert _links(Glossary().link(text)) == []


def test_names_of_users_are_never_links_or_elements() -> None:
    glossary = Glossary([f"margin {HOSTILE}", "my seed", ""])
    text = f"margin {HOSTILE} is ahead of my seed."
    found = Page(glossary.link(text))
    assert found.elements == []
    assert found.text == text
    assert _links(glossary.link("my seed has a seed")) == ["#term-seed"]


def test_terms_are_in_order_and_apart() -> None:
    names = [term.name.lower() for term in TERMS]
    assert names == sorted(names)
    assert len({term.id for term in TERMS}) == len(TERMS)
