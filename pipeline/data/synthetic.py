"""Generate texts whose sentiment and subject are decided a known number of words before the end.

The corpus asks the question of the lesson this project starts from: after reading "While watching the
movie, I could only think of how terrible it was." and then a few hundred words about trams and tickets,
which network still knows the sentiment and its subject? Both labels are decided by one sentence, the
evidence; no other sentence alone tells anything of them.

Around it stand neutral sentences and distractors: opinions that do not count. They are somebody else's
about any subject, or the narrator's about something that is no subject, in the same words and frames as
the evidence. The further the evidence is from the end, the more of them follow. In *contradicted* texts
the evidence holds a second, opposite opinion of the same subject, before or after the narrator's.

So neither words nor neighbouring pairs of words tell the labels where distractors are:

- Sentiment: half of all opinions are of either sentiment (of an odd number, one more or one less than
  half), so that counting them leaves a chance of 1/2.
- Subject: with k distinct other subjects named, chance is about 1 / (k + 1).
- Whose feeling it is stands before or after it, never beside it.

Without distractors and contradiction words suffice. The order of sentences reveals nothing, because half
of the texts start with other sentences than the evidence.

A language model is asked the same question by `named_again`: every text then ends with a sentence that
names the subject of the evidence, by any of its nouns. To predict it, the network has to know whose
opinion counted. It would tell a classifier the subject outright.

The words themselves are in `pipeline.data.lexicon`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import pandas as pd

from pipeline.config.data import ClausesConfig
from pipeline.data.lexicon import (
    CONTRADICTED_FRAMES,
    NAMING,
    OPINION_FRAMES,
    OPINIONATED,
    SCENES,
    SENTIMENT_WORDS,
    SENTIMENTS,
    SHORT,
    SUBJECT_NOUNS,
    SUBJECTS,
    TAKING_IN,
    TAKING_IN_THINGS,
    THINGS,
    TIMES,
)
from pipeline.words import count_words

_WRITTEN = ["text", "distance", "distractors", "evidence", "deciding_words"]
_LONGEST_OPENING = 3  # sentences before the evidence
_MOST_TRIES = 1_000  # to find a sentence that fits
_ABOUT_THINGS = 1 / 3  # of the distractors; the others are opinions of other people

_PLAIN, _CONTRADICTED = (
    [(kind, frame) for kind, frames in by_kind.items() for frame in frames]
    for by_kind in (OPINION_FRAMES, CONTRADICTED_FRAMES)
)


class _Distractor(NamedTuple):
    """Hold a sentence with an opinion that does not count, but for what is felt."""

    kind: str
    frame: str
    noun: str
    taking_in: str
    I: str  # noqa: E741
    me: str

    def write(self, rng: np.random.Generator, sentiment: int) -> str:
        opinion = _Opinion(self.I, self.me, _feeling(rng, sentiment, self.kind))
        return _express(self.frame, self.noun, self.taking_in, [opinion])


class _Opinion(NamedTuple):
    """Hold who has an opinion, in the nominative and the objective case, and what is felt."""

    I: str  # noqa: E741
    me: str
    felt: str


@dataclass(frozen=True)
class GeneratedTexts:
    """Hold texts with both labels.

    texts: n texts; sentiments: <int32>[n], an index into SENTIMENTS; subjects: <int32>[n], an index
    into SUBJECTS; traits: a row for each text, with `distance` (words after the evidence, but for a
    sentence that names the subject again),
    `distractors` (sentences with an opinion that does not count), `contradicted` (bool), `evidence`
    (the deciding sentence as in the text, two sentences now and then) and `deciding_words` (the noun of
    the subject and the word of the narrator's own sentiment).
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
    rows = [_write(rng, config, *row) for row in plan.itertuples(index=False, name=None)]
    written = pd.DataFrame(rows, columns=_WRITTEN)
    traits = written.drop(columns="text")
    traits.insert(2, "contradicted", plan["contradicted"])
    return GeneratedTexts(
        texts=written["text"].tolist(),
        sentiments=plan["sentiment"].to_numpy(np.int32),
        subjects=plan["subject"].to_numpy(np.int32),
        traits=traits,
    )


def neutral_sentences(rng: np.random.Generator, count: int) -> list[str]:
    """Generate sentences that are independent of both labels."""
    return [_neutral(rng) for _ in range(count)]


def before_naming(text: str) -> str:
    """Return a text up to where its last sentence names the subject; without one, it is given one."""
    opening = _sentence(NAMING)[: NAMING.index(" {noun}")]
    place = text.rfind(opening)
    return f"{text} {opening}" if place < 0 else text[: place + len(opening)]


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
        spread = np.linspace(0, 1, count) ** distance_exponent
        blocks.append(
            pd.DataFrame(
                {
                    "sentiment": sentiment,
                    "subject": subject,
                    "distance": (config.max_distance * spread).round().astype(int),
                    "contradicted": rng.permutation(count)
                    < round(config.contradicted_fraction * count),
                }
            )
        )
    plan = pd.concat(blocks, ignore_index=True)
    return plan.iloc[rng.permutation(size)].reset_index(drop=True)


def _write(
    rng: np.random.Generator,
    config: ClausesConfig,
    sentiment: int,
    subject: int,
    distance: int,
    contradicted: bool,
) -> tuple[str, int, int, str, str]:
    """Return the text, its distance in words, its distractors, its evidence and its deciding words."""
    evidence, deciding_words = _evidence(rng, sentiment, subject, contradicted)
    distance = distance if distance != 1 else 0  # no sentence has one word
    share = config.distractor_fraction
    before: list[str | _Distractor] = []
    if rng.random() < 0.5:
        before = [_around(rng, share) for _ in range(1 + int(rng.random() * _LONGEST_OPENING))]
    after = _fill(rng, distance, share)
    distractors = [one for one in (*before, *after) if isinstance(one, _Distractor)]
    felt = iter(_felt(rng, sentiment, len(distractors), contradicted))
    sentences = [
        one if isinstance(one, str) else one.write(rng, next(felt))
        for one in (*before, evidence, *after)
    ]
    if config.named_again:
        sentences.append(_sentence(NAMING.format(noun=_name(rng, subject)[0])))
    return " ".join(sentences), distance, len(distractors), evidence, deciding_words


def _evidence(
    rng: np.random.Generator, sentiment: int, subject: int, contradicted: bool
) -> tuple[str, str]:
    """Return the sentence with the narrator's opinion, and its deciding words."""
    kind, frame = _pick(rng, _CONTRADICTED if contradicted else _PLAIN)
    noun, taking_in = _name(rng, subject)
    own = _Opinion("I", "me", _feeling(rng, sentiment, kind))
    opinions = [own]
    if contradicted:
        person = _pick(rng, OPINIONATED)
        opinions.append(_Opinion(person, person, _feeling(rng, 1 - sentiment, kind)))
    return _express(frame, noun, taking_in, _shuffled(rng, opinions)), f"{noun} {own.felt}"


def _fill(rng: np.random.Generator, words: int, share: float) -> list[str | _Distractor]:
    """Return sentences with exactly `words` words in total."""
    sentences: list[str | _Distractor] = []
    tries = 0
    while words:
        # No distractor has two words: where hardly any sentence is neutral, the end would never come.
        sentence = _around(rng, share if tries < _MOST_TRIES else 0.0)
        tries += 1
        size = count_words(sentence if isinstance(sentence, str) else sentence.write(rng, 0))
        if _fits(size, words):
            sentences.append(sentence)
            words -= size
            tries = 0
    return sentences


def _around(rng: np.random.Generator, share: float) -> str | _Distractor:
    return _distractor(rng) if rng.random() < share else _neutral(rng)


def _distractor(rng: np.random.Generator) -> _Distractor:
    """Return somebody else's opinion of any subject, or the narrator's opinion of a thing."""
    kind, frame = _pick(rng, _PLAIN)
    if rng.random() < _ABOUT_THINGS:
        return _Distractor(kind, frame, _pick(rng, THINGS), _pick(rng, TAKING_IN_THINGS), "I", "me")
    person = _pick(rng, OPINIONATED)
    return _Distractor(kind, frame, *_name(rng, int(rng.integers(len(SUBJECTS)))), person, person)


def _felt(rng: np.random.Generator, sentiment: int, count: int, contradicted: bool) -> list[int]:
    """Return the sentiments of distractors.

    Half of all opinions in a text are of either sentiment, or of an odd number one more or one less than
    half, so that counting them says nothing.
    """
    opinions = 1 + int(contradicted) + count
    opposite = (opinions + int(rng.integers(opinions % 2 + 1))) // 2 - int(contradicted)
    felt = [1 - sentiment if number < opposite else sentiment for number in range(count)]
    return _shuffled(rng, felt)


def _express(frame: str, noun: str, taking_in: str, opinions: Sequence[_Opinion]) -> str:
    held = dict(zip(("one", "two"), opinions, strict=False))
    return _sentence(frame.format(noun=noun, taking_in=taking_in, **held))


def _feeling(rng: np.random.Generator, sentiment: int, kind: str) -> str:
    return _pick(rng, SENTIMENT_WORDS[SENTIMENTS[sentiment]][kind])


def _name(rng: np.random.Generator, subject: int) -> tuple[str, str]:
    name = SUBJECTS[subject]
    return _pick(rng, SUBJECT_NOUNS[name]), _pick(rng, TAKING_IN[name])


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


_Option = TypeVar("_Option")


def _pick(rng: np.random.Generator, options: Sequence[_Option]) -> _Option:
    # `rng.choice` converts the options to an array, which takes twenty times as long.
    return options[int(rng.random() * len(options))]


def _shuffled(rng: np.random.Generator, options: Sequence[_Option]) -> list[_Option]:
    return [options[index] for index in rng.permutation(len(options))]
