"""Text written by models made by hand, whose every probability is known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories.writing import TableReader
from scipy.stats import chisquare

from pipeline.config.sampling import Sampling
from pipeline.errors import Failure
from pipeline.models.sampling import NEVER_WRITTEN, draw, write_on

PAD, UNK, END, A, B, C = range(6)
VOCAB = 6


def likely(**after: str) -> TableReader:
    """Return a model that nearly always writes END A B C in the given turns: after A "b", and so on."""
    table = np.zeros((VOCAB, VOCAB))
    names = {"end": END, "a": A, "b": B, "c": C}
    for before, token in after.items():
        table[names[before], names[token]] = 50
    return TableReader(table)


def random_reader(seed: int = 0, vocab: int = 40) -> TableReader:
    return TableReader(np.random.default_rng(seed).normal(0, 1.5, (vocab, vocab)))


def prompt(*ids: int) -> np.ndarray:
    return np.array(ids, np.int32)


def ids_of(written: list[list[list]]) -> list[list[list[int]]]:
    return [[[step.token_id for step in text] for text in texts] for texts in written]


GREEDY = Sampling(temperature=0, length=8)


def test_a_prompt_is_read_and_continued_to_the_end():
    model = likely(end="a", a="b", b="c", c="end")
    found = ids_of(write_on(model, [prompt(), prompt(A), prompt(C, B)], END, GREEDY))
    assert found == [[[A, B, C, END]], [[B, C, END]], [[C, END]]]


def test_a_text_without_an_end_has_the_length_that_is_asked_for():
    model = likely(end="a", a="b", b="a")
    for length in (1, 5):
        ((text,),) = write_on(model, [prompt()], END, replace(GREEDY, length=length))
        assert len(text) == length
    assert len(model.rows) == 1 + 1 + 4  # nothing is read that nobody continues


def test_the_likeliest_token_may_be_padding_or_unknown_and_is_never_written():
    table = np.zeros((VOCAB, VOCAB))
    table[:, [PAD, UNK]] = 9
    table[:, A] = 1
    for sampling in (GREEDY, Sampling(length=300, samples=3), Sampling(length=99, top_k=3)):
        texts = write_on(TableReader(table), [prompt()], END, sampling)[0]
        assert not {step.token_id for text in texts for step in text} & set(NEVER_WRITTEN)
        for step in (step for text in texts for step in text):
            assert not {token for token, _ in step.likeliest} & set(NEVER_WRITTEN)
    step = write_on(TableReader(table), [prompt()], END, GREEDY)[0][0][0]
    assert step.probability == pytest.approx(math.e / (math.e + 3))  # over END, A, B and C


@pytest.mark.parametrize(
    "changes", [{"top_k": 1}, {"top_p": 1e-9}, {"temperature": 1e-300}, {"top_k": 1, "top_p": 0.5}]
)
def test_drawing_from_one_token_is_writing_the_likeliest(changes):
    model, prompts = random_reader(), [prompt(), prompt(7, 9)]
    sampling = replace(Sampling(length=30, samples=2), **changes)
    for texts, (greedy,) in zip(
        write_on(model, prompts, END, sampling),
        write_on(model, prompts, END, replace(GREEDY, length=30)),
        strict=True,
    ):
        assert texts == [greedy, greedy]


LOGITS = np.array([5, 4, -1, 0.5, 2, 1.5])


def drawn(**changes: Any) -> np.ndarray:
    sampling, generator = Sampling(**changes), np.random.default_rng(3)
    found = [draw(LOGITS, sampling, generator).token_id for _ in range(20_000)]
    return np.bincount(found, minlength=VOCAB)


def softmax(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits) / np.exp(logits).sum()


@pytest.mark.parametrize("temperature", [0.5, 1, 2.5])
def test_tokens_are_drawn_as_often_as_the_temperature_says(temperature):
    counts = drawn(temperature=temperature)
    assert not counts[list(NEVER_WRITTEN)].any()
    expected = softmax(LOGITS[2:] / temperature)
    assert chisquare(counts[2:], expected * counts.sum()).pvalue > 0.01


def test_top_k_and_top_p_draw_from_the_likeliest_alone():
    # Of END, A, B, C at temperature 1: 0.03, 0.12, 0.53, 0.32.
    for changes, kept in (
        ({"top_k": 2}, [B, C]),
        ({"top_k": 99}, [END, A, B, C]),
        ({"top_p": 0.8}, [B, C]),
        ({"top_p": 0.5}, [B]),
        ({"top_p": 0.95}, [A, B, C]),
        ({"top_k": 2, "top_p": 0.6}, [B]),  # of these two B alone has 0.62
    ):
        counts = drawn(temperature=1, **changes)
        assert list(np.flatnonzero(counts)) == kept
        if len(kept) > 1:
            expected = softmax(LOGITS[kept]) * counts.sum()
            assert chisquare(counts[kept], expected).pvalue > 0.01


def test_top_p_finds_its_tokens_among_many_alike():
    logits = np.zeros(5_000)  # far more than are sorted at first
    generator = np.random.default_rng(0)
    sampling = Sampling(temperature=1, top_p=0.5)
    found = {draw(logits, sampling, generator).token_id for _ in range(9_000)}
    assert 2_000 < len(found) < 2_500
    assert max(found) <= 2_501  # 2,499 of 4,998 that may be written, of equal ones the first


def test_the_five_likeliest_are_told_with_the_probabilities_of_the_network():
    step = draw(LOGITS, Sampling(temperature=3, top_k=1), np.random.default_rng(0))
    expected = softmax(LOGITS[2:])
    assert [token for token, _ in step.likeliest] == [B, C, A, END]
    np.testing.assert_allclose([p for _, p in step.likeliest], expected[[2, 3, 1, 0]])
    assert step.probability == pytest.approx(expected[2])
    many = draw(np.arange(50.0), Sampling(), np.random.default_rng(0))
    assert [token for token, _ in many.likeliest] == [49, 48, 47, 46, 45]


def test_a_text_does_not_depend_on_what_else_is_written():
    model = random_reader()
    prompts = [prompt(), prompt(7), prompt(9, 3, 5), *(prompt(*range(3, n)) for n in range(5, 30))]
    sampling = Sampling(length=20, samples=3, seed=5)
    together = write_on(model, prompts, END, sampling)
    assert set(model.rows) == {1, 16}
    for place in (0, 2, 13):
        assert write_on(model, [prompts[place]], END, sampling) == [together[place]]
    fewer = write_on(model, prompts[::-1], END, replace(sampling, samples=1))[::-1]
    assert fewer == [texts[:1] for texts in together]


def test_the_seed_decides_what_is_drawn():
    model, prompts = random_reader(), [prompt(), prompt(4)]
    sampling = Sampling(length=20, samples=2)
    first = write_on(model, prompts, END, sampling)
    assert write_on(model, prompts, END, sampling) == first
    assert write_on(model, prompts, END, replace(sampling, seed=1)) != first
    texts = [text for texts in ids_of(first) for text in texts]
    assert len({tuple(text) for text in texts}) == 4


def test_shorter_texts_are_the_beginnings_of_longer_ones():
    model, sampling = random_reader(), Sampling(length=20)
    ((long,),) = write_on(model, [prompt(4)], END, sampling)
    ((short,),) = write_on(model, [prompt(4)], END, replace(sampling, length=6))
    assert short == long[:6]


def test_no_prompts_are_no_texts():
    assert write_on(random_reader(), [], END, Sampling()) == []


def test_numbers_that_are_none_are_an_error():
    with pytest.raises(Failure, match="not finite"):
        draw(np.full(9, np.nan), Sampling(), np.random.default_rng(0))
