"""Test the subject that is named again on readers that know it, guess, or read what was near."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from factories.language import ReaderByHand, generated_subject, uniform

from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import TokenizerKind
from pipeline.config.tables import CsvConfig
from pipeline.config.tasks import Direction
from pipeline.data.lexicon import SUBJECT_NOUNS, SUBJECTS
from pipeline.data.synthetic import before_naming
from pipeline.probes import Skipped
from pipeline.probes.language import LanguageSubject
from pipeline.probes.subject_recall import measure_subject_recall

SETTINGS = ProbeConfig(subject_reviews=80)


def _noun_ids(subject: LanguageSubject) -> dict[str, list[int]]:
    known = subject.tokens.tokenizer.get_vocab()
    return {name: [known[noun] for noun in nouns] for name, nouns in SUBJECT_NOUNS.items()}


def _naming(subject: LanguageSubject, pick: str) -> ReaderByHand:
    """Return a reader that names the first or the last subject it has read."""
    vocab = subject.tokens.tokenizer.get_vocab_size()
    nouns = _noun_ids(subject)
    by_id = {noun: name for name, ids in nouns.items() for noun in ids}

    def predict(read: np.ndarray) -> np.ndarray:
        chances = np.full(vocab, 0.1 / vocab)
        named = [by_id[token] for token in read.tolist() if token in by_id]
        chances[nouns[named[0 if pick == "first" else -1]]] += 0.3
        return chances

    return ReaderByHand(vocab, predict)


@pytest.mark.parametrize("named_again", [True, False])
def test_a_reader_that_knows_the_only_subject_is_right_at_every_distance(named_again):
    subject = generated_subject(distractor_fraction=0.0, named_again=named_again)
    table = measure_subject_recall(
        replace(subject, reader=_naming(subject, "first")), SETTINGS
    ).table
    assert table.right.all()
    assert (table.probability > 0.95).all()
    assert table.distance.min() == 7
    assert table.distance.max() == 27


def test_a_reader_that_follows_what_is_near_is_right_near_and_lost_far():
    subject = generated_subject(max_distance=60, distractor_fraction=0.6)
    table = measure_subject_recall(
        replace(subject, reader=_naming(subject, "last")), SETTINGS
    ).table
    near, far = table[table.distance <= 20].right.mean(), table[table.distance > 40].right.mean()
    assert near > 0.8
    assert far < 0.6


@pytest.mark.parametrize("kind", TokenizerKind)
def test_a_uniform_reader_guesses(kind):
    subject = generated_subject(kind)
    reader = uniform(subject.tokens.tokenizer.get_vocab_size())
    result = measure_subject_recall(replace(subject, reader=reader), SETTINGS)
    assert list(result.table.columns) == "review_id distance subject probability right".split()
    assert len(result.table) == result.metrics["reviews"] == 80
    if kind == TokenizerKind.word:
        np.testing.assert_allclose(result.table.probability, 1 / len(SUBJECTS), rtol=1e-6)
    else:  # a noun of fewer pieces is likelier
        by_subject = result.table.groupby("subject").probability
        np.testing.assert_allclose(by_subject.max(), by_subject.min(), rtol=1e-6)
        assert by_subject.first().sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", TokenizerKind)
def test_what_is_read_ends_before_the_noun(kind):
    subject = generated_subject(kind, named_again=True)
    reader = uniform(subject.tokens.tokenizer.get_vocab_size())
    read: list[str] = []
    step = reader.step

    def remember(token_ids, states):
        if not len(states[0]):
            read.extend(subject.tokens.tokenizer.decode(row[1:].tolist()) for row in token_ids)
        return step(token_ids, states)

    reader.step = remember  # type: ignore[method-assign]
    measure_subject_recall(replace(subject, reader=reader), SETTINGS)
    assert len(read) == 80
    assert all(text.replace(" ", "").endswith("thatwaswhatithoughtofthe") for text in read)


def test_a_text_is_read_up_to_where_it_names_its_subject_again():
    named = generated_subject(named_again=True).reviews.texts
    assert all(before_naming(text).endswith("That was what I thought of the") for text in named)
    assert all(text.startswith(before_naming(text)) for text in named)
    plain = generated_subject().reviews.texts
    added = " That was what I thought of the"
    assert [before_naming(text) for text in plain] == [text + added for text in plain]


def test_other_texts_and_other_directions_are_skipped():
    subject = generated_subject()
    with pytest.raises(Skipped, match="data=clauses"):
        measure_subject_recall(replace(subject, data=CsvConfig(path="own.csv")), SETTINGS)
    with pytest.raises(Skipped, match=r"task\.direction=forward"):
        measure_subject_recall(replace(subject, direction=Direction.backward), SETTINGS)
    few = replace(subject, reviews=subject.reviews.take(np.arange(30)))
    with pytest.raises(Skipped, match="30 texts are too few"):
        measure_subject_recall(few, SETTINGS)
