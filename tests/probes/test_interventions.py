"""Test probes on readers whose memory is known by construction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.analysis.frames import rows_of
from pipeline.config.data import ClausesConfig
from pipeline.config.probes import ProbeConfig, ProbeKind
from pipeline.config.schema import TokenizerConfig, TokenizerKind
from pipeline.config.tables import CsvConfig
from pipeline.data import lexicon, synthetic
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import Head, Reviews, ReviewSplits
from pipeline.models.bigram_baseline import fit_baseline
from pipeline.probes import Reader, Skipped, Subject, run_probes
from pipeline.probes.context import _truncate, measure_context
from pipeline.probes.distance import measure_distance
from pipeline.probes.frame import ask, draw_stratified, encode_rows
from pipeline.probes.neutral import Filler, load_material
from pipeline.probes.quiz import measure_quiz
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.words import count_words

HEADS = (Head("sentiment", ("negative", "positive")),)
EVIDENCE = {0: "dreadful", 1: "superb"}
SETTINGS = ProbeConfig(
    context_min_words=60,
    context_lengths=[1, 5, 20, 50],
    context_reviews=80,
    distance_reviews=60,
    distance_max_words=40,
    distances=[25, 50, 100, 200],
)


def _write_reviews(size: int, words: int, rng: np.random.Generator, name: str) -> Reviews:
    """Return texts of neutral sentences that end with the only word that decides the label."""
    filler = Filler(synthetic.neutral_sentences(rng, 300))
    labels = np.arange(size) % 2
    texts = [f"{filler.write(words, rng)} It was {EVIDENCE[int(label)]}" for label in labels]
    ids = np.array([f"{name}-{number:04d}" for number in range(size)])
    return Reviews(ids, texts, labels.astype(np.int32)[:, None])


@pytest.fixture(scope="module")
def splits() -> ReviewSplits:
    rng = np.random.default_rng(5)
    short, long = _write_reviews(120, 10, rng, "short"), _write_reviews(100, 80, rng, "long")
    test = Reviews(
        np.concatenate([short.ids, long.ids]),
        short.texts + long.texts,
        np.concatenate([short.labels, long.labels]),
    )
    train = _write_reviews(400, 60, rng, "train")
    return ReviewSplits(train, _write_reviews(200, 60, rng, "held"), test, HEADS, "made by hand")


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def subject_of(splits, cache) -> Callable[[Reader], Subject]:
    tokenizer = train_tokenizer(splits.train.texts, TokenizerConfig())
    data = CsvConfig(path="by_hand.csv")
    return lambda reader: Subject(reader, tokenizer, data, splits, cache)


@dataclass
class ByHand:
    """Predict from the number of words before and after the deciding word, by `margin`."""

    margin: Callable[[int, int], float]
    heads: tuple[Head, ...] = HEADS
    asked: list[str] = field(default_factory=list)

    def read(self, texts: list[str]) -> list[np.ndarray]:
        self.asked += texts
        return [np.array([[self._logit(text.split())] for text in texts], dtype=np.float32)]

    def _logit(self, words: list[str]) -> float:
        for label, word in EVIDENCE.items():
            if word in words:
                place = words.index(word)
                return (2 * label - 1) * self.margin(place, len(words) - place - 1)
        return -1.0


def test_a_reader_of_the_last_token_has_an_effective_context_of_one(subject_of):
    result = measure_context(subject_of(ByHand(lambda before, after: float(after == 0))), SETTINGS)
    assert result.metrics["accuracy"] == 1
    assert result.metrics["effective_tail"] == 1
    assert result.facts["effective_tail"] == "1"


def test_evidence_at_the_end_is_not_in_the_first_tokens(subject_of):
    result = measure_context(subject_of(ByHand(lambda before, after: 1.0)), SETTINGS)
    furthest = float(SETTINGS.context_lengths[-1])
    assert result.metrics["effective_head"] == furthest
    assert result.metrics["effective_head_is_bound"] == 1
    assert result.facts["effective_head"] == "the whole text"
    head = result.table[result.table.condition == "head"]
    assert head.correct.mean() == pytest.approx(0.5)


def test_a_reader_that_needs_fifteen_words_needs_the_twenty_tokens(subject_of):
    def needs_fifteen(before: int, after: int) -> float:
        return 1.0 if before >= 14 else -1.0

    result = measure_context(subject_of(ByHand(needs_fifteen)), SETTINGS)
    assert result.metrics["effective_tail"] == 20


def test_a_reader_at_chance_has_no_context_to_lose(subject_of):
    class Negative(ByHand):
        def _logit(self, words: list[str]) -> float:
            return -1.0

    subject = subject_of(Negative(lambda before, after: 0.0))
    assert measure_context(subject, SETTINGS).facts["effective_tail"] == "nothing to lose"
    assert measure_distance(subject, SETTINGS).facts["half_life_after"] == "nothing to lose"


def test_the_context_table_holds_a_row_for_each_review_and_reading(subject_of):
    result = measure_context(subject_of(ByHand(lambda before, after: 1.0)), SETTINGS)
    readings = 1 + 2 * len(SETTINGS.context_lengths)
    assert len(result.table) == readings * result.metrics["reviews"] == readings * 80
    assert not result.table.duplicated(["review_id", "condition", "distance"]).any()
    whole = result.table[result.table.condition == "whole"]
    assert whole.distance.isna().all()
    assert (whole.tokens >= 80).all()
    assert whole.label.value_counts().to_dict() == {"negative": 40, "positive": 40}


def test_a_margin_that_halves_every_fifty_words_has_a_half_life_of_fifty(subject_of):
    result = measure_distance(
        subject_of(ByHand(lambda before, after: 4 * 0.5 ** (after / 50))), SETTINGS
    )
    assert result.metrics["half_life_after"] == pytest.approx(50)
    assert result.metrics["half_life_both"] == pytest.approx(50)
    assert result.facts["half_life_before"] == "beyond 200"


def test_between_two_distances_the_half_life_lies_between(subject_of):
    result = measure_distance(
        subject_of(ByHand(lambda before, after: 4 * 0.5 ** (after / 70))), SETTINGS
    )
    assert result.metrics["half_life_after"] == pytest.approx(70, rel=0.05)
    assert result.metrics["half_life_after_is_bound"] == 0


def test_a_reader_that_ignores_filler_is_beyond(subject_of):
    result = measure_distance(subject_of(ByHand(lambda before, after: 3.0)), SETTINGS)
    assert result.metrics["half_life_after"] == 200  # the furthest that was measured
    assert result.metrics["half_life_after_is_bound"] == 1
    assert result.facts["half_life_after"] == "beyond 200"
    assert result.metrics["flipped_after"] == 0


def test_a_margin_that_grows_with_the_distance_rises(subject_of):
    result = measure_distance(subject_of(ByHand(lambda before, after: 1.0 + after)), SETTINGS)
    assert result.facts["half_life_after"] == "rises"


def test_an_answer_that_turns_is_counted_as_flipped(subject_of):
    def turns(before: int, after: int) -> float:
        return 1.0 if after < 100 else -1.0

    result = measure_distance(subject_of(ByHand(turns)), SETTINGS)
    assert result.metrics["flipped_after"] == 1
    assert 50 < result.metrics["half_life_after"] < 100


def test_filler_has_exactly_as_many_words_and_stands_where_it_should(subject_of):
    reader = ByHand(lambda before, after: 1.0)
    result = measure_distance(subject_of(reader), SETTINGS)
    table = result.table.assign(text=reader.asked[-len(result.table) :])
    table["words"] = table.text.map(count_words)
    plain = table[table.condition == "plain"].set_index("review_id")
    for row in rows_of(table):
        own, read = plain.text[row.review_id], row.text
        sides = {"plain": 0, "after": 1, "before": 1, "both": 2, "alone": 1}[row.condition]
        expected = sides * row.distance + (0 if row.condition == "alone" else count_words(own))
        assert row.words == expected
        if row.condition in ("after", "before"):
            outer = read[: len(own)] if row.condition == "after" else read[-len(own) :]
            assert outer == own
        assert (own in read) == (row.condition != "alone")


def test_both_labels_are_asked_about_equally(subject_of):
    result = measure_distance(subject_of(ByHand(lambda before, after: 1.0)), SETTINGS)
    plain = result.table[result.table.condition == "plain"]
    counts = plain.label.value_counts()
    assert counts["negative"] == counts["positive"] >= 20


def test_every_reader_is_asked_the_same_and_another_seed_asks_otherwise(subject_of):
    readers = [ByHand(lambda before, after: 1.0), ByHand(lambda before, after: -1.0)]
    tables = [run_probes(subject_of(reader), SETTINGS) for reader in readers]
    assert readers[0].asked == readers[1].asked
    again = ByHand(lambda before, after: 1.0)
    for first, second in zip(tables[0], run_probes(subject_of(again), SETTINGS), strict=True):
        pd.testing.assert_frame_equal(first.table, second.table)
    other = ByHand(lambda before, after: 1.0)
    run_probes(subject_of(other), replace(SETTINGS, seed=1))
    assert other.asked != again.asked


def test_filler_moves_the_baseline_hardly_at_all_and_says_nothing_by_itself(subject_of, splits):
    baseline = fit_baseline(splits.train, splits.validation, HEADS)
    result = measure_distance(subject_of(baseline), SETTINGS)
    assert result.metrics["flipped_after"] == 0
    assert result.metrics["filler_alone_accuracy"] == pytest.approx(0.5, abs=0.1)
    margins = result.table.groupby(["condition", "distance"]).margin.mean()
    own = margins["plain"].iloc[0]
    np.testing.assert_allclose(margins["after"], own, rtol=0.1)
    assert abs(margins["alone"]).max() < 0.2 * own


def test_neutral_sentences_hold_no_word_that_decides(subject_of):
    material = load_material(subject_of(ByHand(lambda before, after: 1.0)), SETTINGS)
    assert len(material.sentences) > 100
    assert not any(word in " ".join(material.sentences) for word in EVIDENCE.values())
    assert material.source == "the validation split"


def test_the_material_is_found_once_and_a_damaged_copy_is_found_again(subject_of, cache, caplog):
    subject = subject_of(ByHand(lambda before, after: 1.0))
    caplog.set_level("INFO")
    found = load_material(subject, SETTINGS)
    caplog.clear()
    assert load_material(subject, SETTINGS) == found
    assert "Fitting" not in caplog.text
    for file in (cache / "neutral").glob("*.json"):
        file.write_text('{"sentences": [')
    assert load_material(subject, SETTINGS) == found
    assert "Fitting" in caplog.text


@given(words=st.integers(4, 400), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_filler_comes_to_any_number_of_words_and_repeats_only_when_it_must(words, seed):
    rng = np.random.default_rng(seed)
    sentences = list(dict.fromkeys(synthetic.neutral_sentences(rng, 200)))
    text = Filler(sentences).write(words, rng)
    assert count_words(text) == words
    used = [text.count(sentence) for sentence in sentences if len(sentence.split()) > 6]
    assert max(used, default=0) <= 1


def test_a_number_of_words_that_no_sentences_come_to_is_refused():
    with pytest.raises(Skipped, match="no neutral sentences add up to 3 words"):
        Filler(["We had time enough."]).write(3, np.random.default_rng(0))


@given(texts=st.lists(st.text(max_size=60), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("kind", TokenizerKind)
def test_texts_are_encoded_word_by_word_as_they_are_whole(kind, texts):
    texts = [" ".join(text.split()) for text in texts]
    tokenizer = _tokenizers()[kind]
    ids, offsets = encode_texts(tokenizer, texts)
    found = encode_rows(tokenizer, texts)
    assert found.token_ids.tolist() == ids.tolist()
    assert found.offsets.tolist() == offsets.tolist()


@given(k=st.integers(1, 40), seed=st.integers(0, 50))
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("side", ["head", "tail"])
def test_a_cut_text_reads_as_the_first_or_last_tokens(side, k, seed):
    tokenizer = _tokenizers()[TokenizerKind.word]
    text = " ".join(synthetic.neutral_sentences(np.random.default_rng(seed), 5))
    spans = tokenizer.encode(text).offsets
    whole, _ = encode_texts(tokenizer, [text])
    cut, _ = encode_texts(tokenizer, [_truncate(text, spans, side, k)])
    expected = whole[-k:] if side == "tail" else whole[:k]
    assert cut.tolist() == expected.tolist()


def _tokenizers(made: dict = {}):  # noqa: B006 (made once)
    if not made:
        texts = synthetic.neutral_sentences(np.random.default_rng(0), 300)
        for kind in TokenizerKind:
            made[kind] = train_tokenizer(texts, TokenizerConfig(kind=kind, vocab_size=300))
    return made


@given(size=st.integers(2, 60), seed=st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_a_stratified_draw_keeps_the_shares_or_evens_them_out(size, seed):
    rng = np.random.default_rng(seed)
    labels = np.array([0] * 60 + [1] * 30)
    rows = np.arange(90)
    drawn = draw_stratified(labels, rows, size, rng)
    assert len(set(drawn)) == len(drawn) <= size + 1
    assert np.mean(labels[drawn] == 0) == pytest.approx(2 / 3, abs=1 / size)
    equal = labels[draw_stratified(labels, rows, size, rng, equal=True)]
    assert (equal == 0).sum() == (equal == 1).sum() == min(size // 2, 30)


def test_margins_of_many_classes_are_those_over_the_best_other():
    class Three:
        heads = (Head("stars", ("1", "2", "3")),)

        def read(self, texts: list[str]) -> list[np.ndarray]:
            return [np.array([[3.0, 1.0, 0.0], [0.0, 2.0, 5.0]], dtype=np.float32)]

    answers = ask(Three(), ["a", "b"], np.array([[0], [1]]))
    assert answers.margins[:, 0].tolist() == [2.0, -3.0]
    assert answers.correct.tolist() == [True, False]


def test_too_few_texts_are_a_message_and_not_an_error(subject_of, caplog):
    caplog.set_level("INFO")
    subject = subject_of(ByHand(lambda before, after: 1.0))
    assert run_probes(subject, replace(SETTINGS, kinds=[ProbeKind.quiz])) == []
    few = replace(SETTINGS, kinds=[ProbeKind.context], context_min_words=1000)
    assert run_probes(subject, few) == []
    assert "0 test texts have at least 1000 words, and 40 are needed" in caplog.text
    assert "it needs the generated texts" in caplog.text


@dataclass(frozen=True)
class Forgetful:
    """Predict both labels correctly if the evidence is near enough to the end."""

    reviews: Reviews
    memory: int
    heads: tuple[Head, ...]

    def read(self, texts: list[str]) -> list[np.ndarray]:
        assert self.reviews.traits is not None
        known = dict(zip(self.reviews.traits.evidence, self.reviews.labels, strict=True))
        known[lexicon.LESSON] = np.array(lexicon.LESSON_LABELS)
        sentiments, subjects = np.full((len(texts), 1), -1.0), np.zeros((len(texts), 6))
        by_text = dict(zip(self.reviews.texts, self.reviews.traits.evidence, strict=True))
        for row, text in enumerate(texts):
            evidence = by_text.get(text, lexicon.LESSON)
            after = len(text[text.index(evidence) + len(evidence) :].split())
            right = after <= self.memory
            sentiment, subject = known[evidence]
            sentiments[row] = (2.0 * sentiment - 1) * (1 if right else -1)
            subjects[row, subject if right else (subject + 1) % 6] = 1.0
        return [sentiments.astype(np.float32), subjects.astype(np.float32)]


@pytest.fixture(scope="module")
def generated() -> tuple[ClausesConfig, ReviewSplits]:
    config = ClausesConfig(train_size=100, validation_size=100, test_size=600)
    return config, load_reviews(config)


def _ask(generated, cache: Path, memory: int):
    config, reviews = generated
    tokenizer = train_tokenizer(reviews.train.texts, TokenizerConfig())
    reader = Forgetful(reviews.test, memory, reviews.heads)
    return measure_quiz(Subject(reader, tokenizer, config, reviews, cache), SETTINGS)


def test_the_quiz_finds_where_a_memory_ends(generated, cache):
    result = _ask(generated, cache, memory=100)
    assert 75 < result.metrics["under_75"] < 125
    test = result.table[result.table.condition == "test"]
    assert (test.correct == (test.distance <= 100)).all()
    assert result.metrics["accuracy/subject"] == result.metrics["accuracy"]


def test_the_quiz_says_that_a_memory_holds_or_never_began(generated, cache):
    assert _ask(generated, cache, memory=1000).facts["under_75"] == "beyond 200"
    assert _ask(generated, cache, memory=-1).facts["under_75"] == "0"


def test_the_lessons_sentence_is_asked_at_every_distance(generated, cache):
    assert lexicon.LESSON == "While watching the movie, I could only think of how terrible it was."
    lesson = _ask(generated, cache, memory=60).table.query("condition == 'lesson'")
    right = lesson.groupby("distance").correct.mean()
    assert right.to_dict() == {0: 1.0, 25: 1.0, 50: 1.0, 100: 0.0, 200: 0.0}
    assert set(lesson.label) == {"negative"}
    assert set(lesson.subject_label) == {"film"}
