"""Find neutral sentences, and the short decisive reviews to put them around.

Both are chosen by the baseline, fitted on the training split, so that they are the same for every
network. They are computed once for each data set and cached.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from unicodedata import category

import numpy as np

from pipeline.config.fingerprint import code_fingerprint
from pipeline.config.probes import ProbeConfig
from pipeline.data.reviews import load_neutral_source
from pipeline.data.splits import Reviews
from pipeline.files import cached
from pipeline.models.bigram_baseline import BigramBaseline, fit_baseline
from pipeline.probes.frame import Skipped, Subject, ask
from pipeline.words import count_all_words, count_words, cut_words, split_sentences

log = logging.getLogger(__name__)

_WORDS = (4, 20)  # of a neutral sentence
_OF_EACH_LENGTH = 40  # sentences of each number of words: enough for variety
_FAMILIAR = 0.001  # the minimal share of training texts that contain each word of a sentence
_STOPS = ".।॥۔።။។。｡"
_BETWEEN_WORDS = "'’,; -，、；،؛፣၊\u200c\u200d"
_ABBREVIATED = re.compile(r"\b[A-Z][a-z]{0,2}\.$")  # "that Dr." is not a sentence


@dataclass(frozen=True)
class Material:
    """Hold the material of the distance probe.

    sentences: neutral sentences, the most neutral first; source: their origin, for messages; decisive:
    ids of the short test reviews that the baseline classifies correctly with the largest margins.
    """

    sentences: list[str]
    source: str
    decisive: list[str]


def load_material(subject: Subject, config: ProbeConfig) -> Material:
    """Return the material of the subject's data, from the cache if possible."""
    settings = [subject.reviews.fingerprint, subject.data.seed, config.distance_max_words]
    modules = [BigramBaseline.__module__, count_words.__module__, __name__]
    name = code_fingerprint(settings, modules, follow_imports=False)
    file = subject.cache / "neutral" / f"{name}.json"

    def write(place: Path) -> None:
        place.write_text(json.dumps(asdict(_find(subject, config))), encoding="utf-8")

    return cached(file, _read, write)


def _read(file: Path) -> Material:
    return Material(**json.loads(file.read_text(encoding="utf-8")))


def _find(subject: Subject, config: ProbeConfig) -> Material:
    reviews = subject.reviews
    baseline = subject.reader
    if not isinstance(baseline, BigramBaseline):
        log.info("Fitting the baseline to find neutral sentences")
        baseline = fit_baseline(reviews.train, reviews.validation, reviews.heads)
    texts, source = load_neutral_source(subject.data, reviews)
    sentences = find_neutral(texts, baseline, len(reviews.train))
    decisive = find_decisive(reviews.test, baseline, config.distance_max_words)
    return Material(sentences, source, decisive)


def find_neutral(texts: list[str], baseline: BigramBaseline, train_size: int) -> list[str]:
    """Return sentences of frequent words that are neutral to the baseline, the most neutral first.

    The sentences of lowest polarity are kept for each number of words. Rare words are excluded: their
    polarity is low only because the baseline knows nothing about them.
    """
    least = max(2, round(_FAMILIAR * train_size))
    split = dict.fromkeys(part for text in texts for part in split_sentences(text))
    fitting = [
        part
        for part in split
        if _WORDS[0] <= count_words(part) <= _WORDS[1]
        and _is_plain(part)
        and not part[0].islower()
        and not _ABBREVIATED.search(part)
        and all(baseline.document_counts.get(word, 0) >= least for word in cut_words(part))
    ]
    if not fitting:
        return []
    polarity = baseline.polarity(fitting)
    kept: list[tuple[float, str]] = []
    sizes = count_all_words(fitting)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        nearest = rows[np.argsort(polarity[rows], kind="stable")][:_OF_EACH_LENGTH]
        kept += [(float(polarity[row]), fitting[row]) for row in nearest]
    return [sentence for _, sentence in sorted(kept)]


def _is_plain(sentence: str) -> bool:
    """Return whether a sentence is words that end with a full stop, or with no stop in Thai and Lao."""
    words = sentence if "\u0e00" <= sentence[-1] <= "\u0eff" else sentence[:-1]
    return (
        (words is sentence or sentence[-1] in _STOPS)
        and words[:1].isalpha()
        and all(char in _BETWEEN_WORDS or category(char)[0] in "LM" for char in words)
    )


def find_decisive(test: Reviews, baseline: BigramBaseline, max_words: int) -> list[str]:
    """Return the ids of short reviews that the baseline classifies correctly with a large margin."""
    rows = np.flatnonzero(count_all_words(test.texts) <= max_words)
    if not len(rows):
        return []
    short = test.take(rows)
    margins = ask(baseline, short.texts, short.labels).margins.min(axis=1)
    right = margins > 0
    if not right.any():
        return []
    sure = margins >= np.median(margins[right])
    return short.ids[sure & right].tolist()


class Filler:
    """Write whole neutral sentences with an exact total number of words."""

    def __init__(self, sentences: list[str]) -> None:
        self.sentences = sentences
        self.sizes = count_all_words(sentences).tolist()

    def write(self, words: int, rng: np.random.Generator) -> str:
        """Return sentences with exactly `words` words; none repeats before all have been tried.

        Raises:
          Skipped: no combination of sentences has that many words.
        """
        possible = self._possible_sums(words)
        if not possible[words]:
            raise Skipped(f"no neutral sentences add up to {words} words; change probe.distances")
        chosen: list[str] = []
        while words:
            for place in rng.permutation(len(self.sentences)):
                size = self.sizes[place]
                if size <= words and possible[words - size]:
                    chosen.append(self.sentences[place])
                    words -= size
                if not words:
                    break
        return " ".join(chosen)

    def write_at_least(self, words: int, rng: np.random.Generator) -> str:
        """Return sentences with `words` words or more; none repeats before all have been used."""
        chosen: list[str] = []
        while words > 0:
            for place in rng.permutation(len(self.sentences)):
                chosen.append(self.sentences[place])
                words -= self.sizes[place]
                if words <= 0:
                    break
        return " ".join(chosen)

    def _possible_sums(self, words: int) -> list[bool]:
        """Return which numbers up to `words` are sums of sentence lengths."""
        if len(self._sums) <= words:
            sizes = sorted(set(self.sizes))
            for total in range(len(self._sums), words + 1):
                self._sums.append(any(size <= total and self._sums[total - size] for size in sizes))
        return self._sums

    @cached_property
    def _sums(self) -> list[bool]:
        return [True]
