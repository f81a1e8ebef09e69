"""Test the balance of the generated corpus, and where a bag of words must fail."""

import itertools
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse, stats
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from pipeline.config.data import ClausesConfig
from pipeline.data.lexicon import (
    CONTRADICTED_FRAMES,
    OPINION_FRAMES,
    SENTIMENT_WORDS,
    SUBJECT_NOUNS,
    SUBJECTS,
)
from pipeline.data.reviews import load_reviews
from pipeline.data.splits import predicted_classes
from pipeline.data.synthetic import GeneratedTexts, generate_texts
from pipeline.models.bigram_baseline import fit_baseline
from pipeline.words import cut_words

_NOUNS = {noun for nouns in SUBJECT_NOUNS.values() for noun in nouns}
_OPINIONS = {
    word for kinds in SENTIMENT_WORDS.values() for words in kinds.values() for word in words
}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:'\w+)*", text.lower())


@pytest.fixture(scope="module")
def train() -> GeneratedTexts:
    return generate_texts(ClausesConfig(), 4_000, np.random.default_rng(0), distance_exponent=3.0)


@pytest.fixture(scope="module")
def test() -> GeneratedTexts:
    return generate_texts(ClausesConfig(), 2_400, np.random.default_rng(1))


@settings(max_examples=25, deadline=None)
@given(
    size=st.integers(1, 80),
    max_distance=st.integers(0, 60),
    distractor_fraction=st.floats(0, 0.99),
    contradicted_fraction=st.floats(0, 0.99),
    exponent=st.sampled_from([1.0, 3.0]),
    seed=st.integers(0, 2**31 - 1),
)
def test_traits_describe_the_text(
    size: int,
    max_distance: int,
    distractor_fraction: float,
    contradicted_fraction: float,
    exponent: float,
    seed: int,
) -> None:
    config = ClausesConfig(
        max_distance=max_distance,
        distractor_fraction=distractor_fraction,
        contradicted_fraction=contradicted_fraction,
    )
    made = generate_texts(config, size, np.random.default_rng(seed), distance_exponent=exponent)
    assert len(made.texts) == len(made.sentiments) == len(made.subjects) == len(made.traits) == size
    assert made.sentiments.dtype == made.subjects.dtype == np.int32
    for number, text in enumerate(made.texts):
        trait = made.traits.iloc[number]
        before, evidence, after = text.partition(trait["evidence"])
        assert evidence
        assert len(_words(after)) == len(after.split()) == trait["distance"] <= max_distance
        opinions = [word for word in _words(before + after) if word in _OPINIONS]
        noun, own = trait["deciding_words"].split()
        assert noun in SUBJECT_NOUNS[SUBJECTS[made.subjects[number]]]
        assert {noun, own} <= set(_words(evidence))
        assert len(opinions) == trait["distractors"]
        held = [_sentiment_of(word) for word in _words(trait["evidence"]) if word in _OPINIONS]
        assert sorted(held) == ([0, 1] if trait["contradicted"] else [made.sentiments[number]])
        assert _sentiment_of(own) == made.sentiments[number]
        if len(opinions):
            positive = [_sentiment_of(word) for word in _words(text) if word in _OPINIONS]
            assert abs(2 * sum(positive) - len(positive)) <= 1


def _sentiment_of(word: str) -> int:
    return int(any(word in words for words in SENTIMENT_WORDS["positive"].values()))


def test_same_generator_state_gives_the_same_texts() -> None:
    texts = [generate_texts(ClausesConfig(), 60, np.random.default_rng(5)).texts for _ in range(2)]
    assert texts[0] == texts[1]
    assert texts[0] != generate_texts(ClausesConfig(), 60, np.random.default_rng(6)).texts


def test_texts_read_as_sentences(test: GeneratedTexts) -> None:
    for text in test.texts:
        assert re.fullmatch(r"(?:[A-Z][\w,; ]*\w\. )*[A-Z][\w,; ]*\w\.", text)
        assert not re.search(r"  | [,.;]|\ba [aeiou]|[{}|]", text)


def test_hardly_any_sentence_repeats(test: GeneratedTexts) -> None:
    sentences = [sentence for text in test.texts for sentence in text.split(". ")]
    assert len(set(sentences)) > 10_000


@pytest.mark.parametrize("size", [101, 1_200])
def test_labels_are_balanced(size: int) -> None:
    made = generate_texts(ClausesConfig(max_distance=20), size, np.random.default_rng(0))
    pairs = made.sentiments * len(SUBJECTS) + made.subjects
    for labels, classes in ((made.sentiments, 2), (made.subjects, 6), (pairs, 12)):
        counts = np.bincount(labels, minlength=classes)
        assert np.ptp(counts) <= 1


def test_shares_and_distances_are_those_asked_for(test: GeneratedTexts) -> None:
    assert test.traits["contradicted"].mean() == pytest.approx(0.25)
    sentences = sum(len(re.findall(r"\.", text)) for text in test.texts) - len(test.texts)
    assert test.traits["distractors"].sum() / sentences == pytest.approx(
        0.4, abs=0.05
    )  # long sentences fit less often
    counts, _ = np.histogram(test.traits["distance"], bins=10, range=(0, 200))
    assert counts == pytest.approx(240, rel=0.1)


def test_nothing_that_is_known_of_a_text_depends_on_its_labels(test: GeneratedTexts) -> None:
    lengths = [len(text.split()) for text in test.texts]
    traits = test.traits[["distance", "distractors", "contradicted"]].assign(length=lengths)
    for labels in (test.sentiments, test.subjects):
        for name, values in traits.items():
            groups = [values[labels == label].astype(float) for label in np.unique(labels)]
            assert stats.kruskal(*groups).pvalue > 0.001, name


def test_only_deciding_words_correlate_with_a_label(test: GeneratedTexts) -> None:
    # The verbs of a subject identify it too: plots are followed, music is heard.
    deciding = _NOUNS | _OPINIONS | set("watching following studying considering hearing".split())
    deciding |= {"listening", "to"}
    settings: dict[str, Any] = {"tokenizer": cut_words, "token_pattern": None}
    counter = CountVectorizer(binary=True, ngram_range=(1, 2), **settings)
    present: Any = counter.fit_transform(test.texts)
    texts_with = np.asarray(present.sum(axis=0)).ravel()
    frequent = (texts_with >= 50) & (texts_with <= len(test.texts) - 50)
    names = counter.get_feature_names_out()
    others = frequent & np.array([deciding.isdisjoint(name.split()) for name in names])
    pairs = others & np.array([" " in name for name in names])
    assert (others & ~pairs).sum() > 200
    assert pairs.sum() > 400
    for labels in (test.sentiments, test.subjects):
        p_values = _test_independence(present[:, others], labels)
        assert p_values.min() * len(p_values) > 0.01  # Bonferroni
    nouns = np.isin(names, list(_NOUNS))
    assert _test_independence(present[:, nouns], test.subjects).max() < 0.001


def _test_independence(present: sparse.csr_matrix, labels: np.ndarray) -> np.ndarray:
    """Return the p value of each column by Pearson's chi-squared test of independence of the labels."""
    of_class = np.eye(labels.max() + 1)[labels]
    totals = of_class.sum(axis=0)
    expected = np.outer(present.mean(axis=0), totals)
    off = np.square(present.T @ of_class - expected)
    statistic = (off / expected + off / (totals - expected)).sum(axis=1)
    return stats.chi2.sf(statistic, len(totals) - 1)


def _right(train: list[str], labels: np.ndarray, test: list[str], truth: np.ndarray) -> np.ndarray:
    """Return where a bag of words and of neighbouring pairs is right, <bool>[test texts]."""
    counter = CountVectorizer(binary=True, ngram_range=(1, 2))
    model = LogisticRegression(C=0.3, max_iter=1_000).fit(counter.fit_transform(train), labels)
    return model.predict(counter.transform(test)) == truth


def test_words_and_pairs_fail_where_they_must_and_nowhere_else(
    train: GeneratedTexts, test: GeneratedTexts
) -> None:
    sentiment = _right(train.texts, train.sentiments, test.texts, test.sentiments)
    subject = _right(train.texts, train.subjects, test.texts, test.subjects)
    contradicted = test.traits["contradicted"].to_numpy(bool)
    distractors = test.traits["distractors"].to_numpy()
    alone = distractors == 0
    assert sentiment[alone & ~contradicted].mean() > 0.8
    assert subject[alone].mean() > 0.95
    # More than 1,800 texts: four standard errors around 1/2.
    assert 0.45 < sentiment[~alone].mean() < 0.55

    others = np.array(
        [_other_subjects(made) for made in zip(test.texts, test.subjects, strict=True)]
    )
    for count in (1, 2, 3):
        assert subject[others == count].mean() == pytest.approx(1 / (count + 1), abs=0.12)
    assert (sentiment & subject).mean() < 0.5
    assert (sentiment & subject)[test.traits["distance"] > 150].mean() < 0.3


def _other_subjects(made: tuple[str, int]) -> int:
    text, own = made
    words = set(_words(text))
    return sum(bool(words & set(SUBJECT_NOUNS[name])) for name in SUBJECTS if name != SUBJECTS[own])


def test_the_baseline_has_both_right_on_at_most_half_of_the_texts() -> None:
    splits = load_reviews(ClausesConfig(train_size=12_000))
    baseline = fit_baseline(splits.train, splits.validation, splits.heads)
    right = predicted_classes(baseline.read(splits.test.texts)) == splits.test.labels
    assert right.all(axis=1).mean() < 0.5


def test_no_holder_of_an_opinion_stands_beside_what_is_felt() -> None:
    for frames in (*OPINION_FRAMES.values(), *CONTRADICTED_FRAMES.values()):
        for frame in frames:
            words = re.findall(r"\{[\w.]+\}|\w+", frame)
            for pair in itertools.pairwise(words):
                held = {word.strip("{}").split(".")[-1] for word in pair}
                assert "felt" not in held or not held & {"I", "me"}, frame


def test_a_bag_of_the_deciding_words_does_not_fail(
    train: GeneratedTexts, test: GeneratedTexts
) -> None:
    seen, unseen = (made.traits["deciding_words"].tolist() for made in (train, test))
    assert _right(seen, train.sentiments, unseen, test.sentiments).mean() > 0.99
    assert _right(seen, train.subjects, unseen, test.subjects).mean() > 0.99


def test_an_exponent_makes_short_distances_frequent_and_keeps_the_longest(
    train: GeneratedTexts,
) -> None:
    distance = train.traits["distance"]
    assert distance.max() == 200
    assert np.median(distance) == pytest.approx(200 * 0.5**3, abs=2)


def test_texts_end_even_where_hardly_any_sentence_is_neutral() -> None:
    config = ClausesConfig(distractor_fraction=1 - 1e-12, max_distance=30)
    made = generate_texts(config, 48, np.random.default_rng(0))
    assert made.traits["distance"].max() == 30


def test_distances_of_one_word_become_zero() -> None:
    made = generate_texts(ClausesConfig(max_distance=3), 240, np.random.default_rng(0))
    assert set(made.traits["distance"]) == {0, 2, 3}
