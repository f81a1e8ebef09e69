"""Score language models on the same texts: mean losses, bits per character and unknown tokens."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.analysis import statistics
from pipeline.analysis.answers import align_rows
from pipeline.analysis.variances import RunEstimates

_FEW_TEXTS = 30
_SAME_SHARE = 0.001  # of unknown tokens: a difference that hardly changes a loss


@dataclass(frozen=True)
class Losses:
    """The losses of some runs on the same texts, each <float>[runs, texts]."""

    nats: statistics.Floats
    tokens: statistics.Floats
    characters: statistics.Floats
    words: statistics.Floats
    unknown: statistics.Floats
    ids: NDArray[np.object_]

    @classmethod
    def of(cls, losses: pd.DataFrame, runs: pd.DataFrame) -> Losses:
        rows = align_rows(losses, runs)

        def of(name: str) -> statistics.Floats:
            return losses[name].to_numpy(dtype=np.float64)[rows]

        ids = losses.review_id.astype(object).to_numpy()[rows[0]]
        counts = (of("tokens"), of("characters"), of("words"), of("unknown"))
        return cls(of("nats"), *counts, ids)

    @property
    def unit(self) -> str:
        """Return what all runs divide these texts into alike: tokens, if it is."""
        return "token" if (self.tokens == self.tokens[0]).all() else "word"


@dataclass(frozen=True)
class Scores:
    """The mean loss by token or word, the bits per character and the unknown tokens of every run."""

    loss: RunEstimates
    bits: RunEstimates
    unknown: statistics.Floats

    @classmethod
    def of(cls, losses: Losses, rng: np.random.Generator, replicates: int) -> Scores:
        sizes = losses.tokens if losses.unit == "token" else losses.words
        bits = losses.nats / math.log(2)
        return cls(
            statistics.resample_ratios(losses.nats, sizes, rng, replicates),
            statistics.resample_ratios(bits, losses.characters, rng, replicates),
            losses.unknown.sum(axis=1) / losses.tokens.sum(axis=1),
        )

    def first(self, count: int) -> Scores:
        """Return the scores of the first runs."""
        return Scores(_only(self.loss, count), _only(self.bits, count), self.unknown[:count])

    def row(self, members: statistics.Rows) -> dict[str, object]:
        """Return the columns of a summary that say how well the runs of an architecture predict."""
        loss = statistics.contrast(self.loss, [(1.0, members)])
        bits = statistics.contrast(self.bits, [(1.0, members)])
        return {
            "perplexity": exp_of(loss.value),
            "ci_low": exp_of(loss.low),
            "ci_high": exp_of(loss.high),
            "seeds_counted": loss.seeds_counted,
            "bits": bits.value,
            "bits_low": bits.low,
            "bits_high": bits.high,
            "unknown": float(self.unknown[np.asarray(members)].mean()),
        }


def note_losses(losses: Losses, architectures: pd.Series) -> list[str]:
    """Say what a reader must know of the texts and the tokens of some runs before comparing them."""
    texts = losses.nats.shape[1]
    notes = []
    if texts < _FEW_TEXTS:
        read = "is only 1 test text" if texts == 1 else f"are only {texts} test texts"
        notes.append(
            f"There {read}, too few to tell how much texts differ: the intervals are too narrow."
        )
    if losses.unit == "word":
        notes.append(
            "The runs divide the texts into different tokens. So perplexity is that of a word, from the "
            "loss on all tokens of a text divided by its words."
        )
    shares = losses.unknown.sum(axis=1) / losses.tokens.sum(axis=1)
    if np.ptp(shares) > _SAME_SHARE:
        ends = [
            (shares[row], architectures.iloc[row]) for row in (shares.argmin(), shares.argmax())
        ]
        fewest, most = (f"{share:.2%} of the test tokens for {name}" for share, name in ends)
        notes.append(
            f"The runs have different vocabularies. Unknown are {fewest}, {most}. Unknown tokens are "
            "easy to predict, so neither perplexity nor bits per character shows who predicts better."
        )
    return notes


def _only(estimates: RunEstimates, count: int) -> RunEstimates:
    return RunEstimates(estimates.values[:count], estimates.covariance[:count, :count])


def negated(estimates: RunEstimates) -> RunEstimates:
    """Return scores of which a higher one is better."""
    return replace(estimates, values=-estimates.values)


def exp_of(value: float) -> float:
    """Return the exponential of a loss, which is finite however high it is."""
    return math.exp(min(value, 700.0))
