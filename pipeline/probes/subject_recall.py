"""Measure whether a language model still knows the subject of a generated text when it is named again.

Every generated text has one sentence that decides its subject, the evidence, a known number of words
before the end. Each test text is read up to the last sentence of `data.named_again`, "That was what I
thought of the", and the probabilities of the subjects are compared there: of each, those of its nouns
together. Other sentences name other subjects in the same words, so that a model that follows only what
stands near, or what was named, does not know the right one.

Texts without that sentence are given it. A model that was trained on such texts has no reason to name
the same subject twice, and its probabilities say only whether it does so by itself.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy.special import log_softmax, logsumexp, softmax

from pipeline.config.data import ClausesConfig
from pipeline.config.probes import ProbeConfig
from pipeline.config.tasks import Direction
from pipeline.data.lexicon import NAMING, SUBJECT_NOUNS, SUBJECTS
from pipeline.data.synthetic import before_naming
from pipeline.probes.frame import MIN_REVIEWS, ProbeResult, Skipped
from pipeline.probes.language_frame import LanguageSubject
from pipeline.tokens.encoding import encode_texts
from pipeline.words import count_words

_ROWS_PER_BATCH = 64


def measure_subject_recall(subject: LanguageSubject, config: ProbeConfig) -> ProbeResult:
    """Measure the probability of the right subject where the text names it again, by distance.

    The table has a row for each text: review_id; distance (words from the evidence to the noun that is
    predicted); subject (the right one); probability (of the right one among the subjects); right (it is
    the likeliest).

    Raises:
      Skipped: the texts are not generated, are too few, or are read from the end.
    """
    test = subject.reviews
    if not isinstance(subject.data, ClausesConfig) or test.traits is None:
        raise Skipped("it needs the generated texts (data=clauses), whose evidence is known")
    if subject.direction == Direction.backward:
        raise Skipped("it needs a model that reads the evidence first (task.direction=forward)")
    if len(test) < MIN_REVIEWS:
        raise Skipped(f"{len(test)} texts are too few; {MIN_REVIEWS} are needed")
    rng = np.random.default_rng([config.seed, 3])
    drawn = test.take(np.sort(rng.permutation(len(test))[: config.subject_reviews]))
    assert drawn.traits is not None
    logs = _read_subjects(subject, [before_naming(text) for text in drawn.texts])
    truth = drawn.labels[:, 1]
    table = pd.DataFrame(
        {
            "review_id": drawn.ids,
            "distance": drawn.traits.distance.to_numpy() + count_words(NAMING) - 1,
            "subject": np.array(SUBJECTS)[truth],
            "probability": softmax(logs, axis=1)[np.arange(len(drawn)), truth],
            "right": logs.argmax(axis=1) == truth,
        }
    )
    metrics = {
        "reviews": float(len(table)),
        "probability": float(table.probability.mean()),
        "right": float(table.right.mean()),
    }
    facts = {"probability": f"{metrics['probability']:.2f} (chance {1 / len(SUBJECTS):.2f})"}
    return ProbeResult("subject_recall", table, metrics, facts)


def _read_subjects(subject: LanguageSubject, texts: list[str]) -> np.ndarray:
    """Return the log probability of each subject after each text, <float64>[n, subjects]."""
    ids, offsets = encode_texts(subject.tokens.tokenizer, texts)
    rows = [subject.begin(ids[start:end]) for start, end in itertools.pairwise(offsets)]
    lengths = np.array([len(row) for row in rows])
    logs = np.empty((len(rows), len(SUBJECTS)))
    nouns = [[_pieces(subject, noun) for noun in SUBJECT_NOUNS[name]] for name in SUBJECTS]
    for length in np.unique(lengths):
        alike = np.flatnonzero(lengths == length)  # a step takes rows of one length
        for start in range(0, len(alike), _ROWS_PER_BATCH):
            batch = alike[start : start + _ROWS_PER_BATCH]
            logs[batch] = _read_nouns(subject, np.stack([rows[row] for row in batch]), nouns)
    return logs


def _pieces(subject: LanguageSubject, noun: str) -> np.ndarray:
    """Return the tokens that a noun adds to a text: with a space before it where that is a token."""
    ids, offsets = encode_texts(subject.tokens.tokenizer, ["the", f"the {noun}"])
    return ids[offsets[1] + offsets[1] : offsets[2]]


def _read_nouns(
    subject: LanguageSubject, inputs: np.ndarray, nouns: list[list[np.ndarray]]
) -> np.ndarray:
    """Return the log probability of each subject after inputs <int32>[B, T], <float64>[B, subjects].

    A noun of several tokens has the product of their probabilities.
    """
    logits, states = subject.reader.step(inputs, subject.reader.start(len(inputs)))
    first = log_softmax(np.asarray(logits, dtype=np.float64), axis=1)
    logs = []
    for own in nouns:
        of_nouns = []
        for pieces in own:
            total, after = first[:, pieces[0]], states
            for before, piece in itertools.pairwise(pieces):
                logits, after = subject.reader.step(
                    np.full((len(inputs), 1), before, dtype=np.int32), after
                )
                total = total + log_softmax(np.asarray(logits, dtype=np.float64), axis=1)[:, piece]
            of_nouns.append(total)
        logs.append(logsumexp(of_nouns, axis=0))
    return np.stack(logs, axis=1)
