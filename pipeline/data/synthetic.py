"""Generate texts whose sentiment and subject are decided a known number of words before the end.

The corpus asks the question of the lesson this project starts from: after reading "While watching the
movie, I could only think of how terrible it was." and then a few hundred words about trams and tickets,
which network still knows the sentiment and its subject? Both labels are decided by one sentence, the
evidence; all other sentences are drawn independently of the labels.

A bag of words must fail in two cases:

- Sentiment, in *contradicted* texts. The evidence contains a word of each sentiment, of the same part of
  speech and equally frequent: the narrator's own, and one that is somebody else's, expected, or denied.
  Only the syntax distinguishes them, in either order: chance is 1/2.
- Subject, in texts with *distractors*. These neutral sentences name other subjects, each once, in
  frames that fit every subject, before and after the evidence: with k of them chance is 1 / (k + 1).

Elsewhere it must not fail: one subject is named, and every sentiment word agrees with the label. The
order of sentences reveals nothing, because half of the texts start with neutral ones. Bigrams capture a
little syntax ("was not", "found it") and fail less than single words.

The words themselves are in `pipeline.data.lexicon`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd

from pipeline.config.data import ClausesConfig
from pipeline.data.lexicon import (
    CONTRADICTED_FRAMES,
    DISTRACTOR_FRAMES,
    OPINIONATED,
    PLAIN_FRAMES,
    SCENES,
    SENTIMENT_WORDS,
    SENTIMENTS,
    SHORT,
    SUBJECT_NOUNS,
    SUBJECTS,
    TAKING_IN,
    TIMES,
    TOWNS,
)

_LONGEST_OPENING = 3  # neutral sentences before the evidence
_MOST_DISTRACTORS = 3


@dataclass(frozen=True)
class GeneratedTexts:
    """Hold texts with both labels.

    texts: n texts; sentiments: <int32>[n], an index into SENTIMENTS; subjects: <int32>[n], an index
    into SUBJECTS; traits: a row for each text, with `distance` (words after the evidence),
    `distractors` (sentences that name another subject), `contradicted` (bool), `evidence` (the
    deciding sentence as in the text, two sentences now and then) and `deciding_words` (the
    noun of the subject and the word of the narrator's own sentiment).
    """

    texts: list[str]
    sentiments: np.ndarray
    subjects: np.ndarray
    traits: pd.DataFrame


def generate_texts(
    config: ClausesConfig, size: int, rng: np.random.Generator, *, distance_exponent: float = 1.0
) -> GeneratedTexts:
    """Generate `size` texts in random order.

    All values of each label, and all pairs of labels, are equally frequent to within one text. Within
    each pair the distances run from 0 to `config.max_distance` words, and the fractions of `config` hold
    to the nearest text, so that the labels are independent of all of them.

    `distance_exponent`: distances are `max_distance` * u ** exponent with u uniform from 0 to 1. Use 1,
    uniform distances, for testing. Use more for training, so that short distances are more frequent: an
    untrained network learns first from texts whose evidence is a few words before the end, and hardly
    any of uniform distances are that short.
    """
    plan = _plan(config, size, rng, distance_exponent)
    rows = [_write(rng, *row) for row in plan.itertuples(index=False, name=None)]
    written = pd.DataFrame(rows, columns=["text", "distance", "evidence", "deciding_words"])
    traits = pd.concat([written["distance"], plan[["distractors", "contradicted"]],
                        written[["evidence", "deciding_words"]]], axis=1)  # fmt: skip
    return GeneratedTexts(
        texts=written["text"].tolist(),
        sentiments=plan["sentiment"].to_numpy(np.int32),
        subjects=plan["subject"].to_numpy(np.int32),
        traits=traits,
    )


def neutral_sentences(rng: np.random.Generator, count: int) -> list[str]:
    """Generate sentences that are independent of both labels."""
    return [_neutral(rng) for _ in range(count)]


def _plan(
    config: ClausesConfig, size: int, rng: np.random.Generator, distance_exponent: float
) -> pd.DataFrame:
    """Plan each text, pair by pair of labels, so that nothing depends on a label."""
    pairs = len(SENTIMENTS) * len(SUBJECTS)
    blocks = []
    for pair in range(pairs):
        count = len(range(pair, size, pairs))
        subject = pair % len(SUBJECTS)
        # Alternate, so that a last, incomplete round of pairs is balanced in both labels.
        sentiment = (pair + pair // len(SUBJECTS)) % len(SENTIMENTS)
        order = rng.permutation(count)
        distractors = np.where(
            order < round(config.distractor_fraction * count), 1 + order % _MOST_DISTRACTORS, 0
        )
        spread = np.linspace(0, 1, count) ** distance_exponent
        blocks.append(
            pd.DataFrame(
                {
                    "sentiment": sentiment,
                    "subject": subject,
                    "distance": (config.max_distance * spread).round().astype(int),
                    "distractors": distractors,
                    "contradicted": rng.permutation(count)
                    < round(config.contradicted_fraction * count),
                }
            )
        )
    plan = pd.concat(blocks, ignore_index=True)
    return plan.iloc[rng.permutation(size)].reset_index(drop=True)


def _write(
    rng: np.random.Generator,
    sentiment: int,
    subject: int,
    distance: int,
    distractors: int,
    contradicted: bool,
) -> tuple[str, int, str, str]:
    """Return the text, its distance in words, its evidence and its deciding words."""
    evidence, deciding_words = _opinion(rng, sentiment, subject, contradicted)
    distance = distance if distance != 1 else 0  # no sentence has one word
    before: list[str] = []
    after: list[str] = []
    others = [index for index in range(len(SUBJECTS)) if index != subject]
    remaining = distance
    for other in rng.permutation(others)[:distractors]:
        sentence = _distractor(rng, int(other))
        words = _count_words(sentence)
        if rng.random() < 0.7 and _fits(words, remaining):
            after.append(sentence)
            remaining -= words
        else:
            before.append(sentence)
    after += _neutral_sentences(rng, remaining)
    if rng.random() < 0.5:
        before += [_neutral(rng) for _ in range(1 + int(rng.random() * _LONGEST_OPENING))]
    sentences = [*_shuffled(rng, before), evidence, *_shuffled(rng, after)]
    return " ".join(sentences), distance, evidence, deciding_words


def _opinion(
    rng: np.random.Generator, sentiment: int, subject: int, contradicted: bool
) -> tuple[str, str]:
    """Return the evidence and its deciding words."""
    frames = CONTRADICTED_FRAMES if contradicted else PLAIN_FRAMES
    kind, frame = _pick(rng, [(kind, frame) for kind in frames for frame in frames[kind]])
    own = _pick(rng, SENTIMENT_WORDS[SENTIMENTS[sentiment]][kind])
    other = _pick(rng, SENTIMENT_WORDS[SENTIMENTS[1 - sentiment]][kind])
    noun, taking_in = _name(rng, subject)
    sentence = frame.format(
        noun=noun, taking_in=taking_in, own=own, other=other, person=_pick(rng, OPINIONATED)
    )
    return _sentence(sentence), f"{noun} {own}"


def _distractor(rng: np.random.Generator, subject: int) -> str:
    noun, taking_in = _name(rng, subject)
    return _sentence(
        _pick(rng, DISTRACTOR_FRAMES).format(
            noun=noun, taking_in=taking_in, person=_pick(rng, OPINIONATED), town=_pick(rng, TOWNS)
        )
    )


def _name(rng: np.random.Generator, subject: int) -> tuple[str, str]:
    name = SUBJECTS[subject]
    return _pick(rng, SUBJECT_NOUNS[name]), _pick(rng, TAKING_IN[name])


def _neutral_sentences(rng: np.random.Generator, words: int) -> list[str]:
    """Return neutral sentences with exactly `words` words in total."""
    sentences = []
    while words:
        sentence = _neutral(rng)
        if _fits(_count_words(sentence), words):
            sentences.append(sentence)
            words -= _count_words(sentence)
    return sentences


def _fits(words: int, room: int) -> bool:
    """Return whether a sentence of `words` words leaves no room or enough for another sentence."""
    return words == room or words + 2 <= room


def _neutral(rng: np.random.Generator) -> str:
    """Return a sentence that is independent of both labels."""
    form = rng.random()
    if form < 0.05:
        return _sentence(_pick(rng, SHORT))
    clause = _clause(rng)
    if form < 0.2:
        clause = f"{clause}, and {_clause(rng)}"
    elif form < 0.4:
        clause = f"{_pick(rng, TIMES)}, {clause}"
    return _sentence(clause)


def _clause(rng: np.random.Generator) -> str:
    scene = _pick(rng, SCENES)
    clause = f"{_pick(rng, scene.actors)} {_pick(rng, scene.actions)}"
    return f"{clause} {_pick(rng, scene.endings)}" if rng.random() < 0.6 else clause


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _count_words(sentence: str) -> int:
    return len(sentence.split())


_Option = TypeVar("_Option")


def _pick(rng: np.random.Generator, options: Sequence[_Option]) -> _Option:
    # `rng.choice` converts the options to an array, which takes twenty times as long.
    return options[int(rng.random() * len(options))]


def _shuffled(rng: np.random.Generator, sentences: list[str]) -> list[str]:
    return [sentences[index] for index in rng.permutation(len(sentences))]
