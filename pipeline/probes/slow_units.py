"""Measure how slow each unit is, and what share of the answer the slowest tenth of them carries.

A unit is slow if it moves little from step to step beside how far it moves in all, as in slow feature
analysis (Wiskott & Sejnowski 2002, Neural Computation 14:715). Its time constant, in steps, is -1 over
the logarithm of the lag-1 autocorrelation of the state that the cell carries (c in an LSTM, else h), as
a deviation from the mean over texts at the same step, while validation reviews are read. For a unit
that keeps a constant share of its state it is the time constant that its gate implies. Unlike that one
it is defined alike for every cell, and includes what returns through the recurrent weights.

What units carry shows when all others are wiped: once, at the end of the evidence, these are set to
their means over all texts, so that whatever the answer still knows after d further neutral tokens has
come through the units that were left alone. That is done in every layer and direction, each d tokens
before the end of its own reading. Texts are short decisive reviews with neutral words on both sides, all
of the same length. As many random units are left alone for comparison. At d = 0 the share is what the
heads read off these units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from pipeline.analysis.curves import resample_curves, share_of
from pipeline.cells import Tensors
from pipeline.config.probes import ProbeConfig
from pipeline.config.schema import Readout
from pipeline.data.splits import Reviews
from pipeline.probes.distance import draw_decisive
from pipeline.probes.frame import Network, ProbeResult, Skipped, Subject
from pipeline.probes.neutral import Filler, Material, load_material
from pipeline.probes.trace import DIRECTIONS, Intervention, metric_suffix, trace
from pipeline.probes.traced_reviews import trace_reviews, traceable_network
from pipeline.tokens.encoding import encode_texts

ANSWER, TIME = "answer", "time"  # measures
UNITS = ALL, SLOWEST, RANDOM = "all", "slowest", "random"  # units that are left alone
_CARRYING = ((1, SLOWEST), (2, RANDOM))  # their places there
_SHARE = 0.1  # of the units of a layer and direction, at least one
_ROUNDING = 1e-12  # relative to a state: smaller differences are none


class Chosen(NamedTuple):
    """Name units: which, the draw if they are random, and masks <bool>[D, U] by layer."""

    units: str
    draw: int
    masks: list[np.ndarray]


def measure_slow_units(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Measure the time constant of every unit, and what is left of the answer without the others.

    The table has rows of two measures. `answer`, for each review and condition: review_id, distance
    (neutral tokens after the others were wiped), units (left alone: `all`, the `slowest` tenth or a
    `random` one), draw (of random units, from 0), and value, a score as of `score_answers`. `time`, for
    each layer, direction and unit: value, in steps.

    Raises:
      Skipped: it is no network whose steps are known, it reads out all states, or the texts are too few.
    """
    network = traceable_network(subject)
    if network.architecture.readout != Readout.last:
        raise Skipped("its readout sees all states, so that no unit has to carry anything")
    rng = np.random.default_rng([config.seed, 2])
    material = load_material(subject, config)
    reviews = draw_decisive(subject.reviews.test, material, config.slow_reviews, config)
    times = unit_times(subject, config)
    conditions = list(choose_units(times, config.slow_draws, rng))
    texts = Texts.write(reviews, material, subject, max(config.slow_distances), rng)
    parts = [_time_rows(times)]
    for distance in (0, *config.slow_distances):
        token_ids = texts.with_neutral(distance)
        at = token_ids.shape[1] - 1 - distance
        for chosen in conditions:
            intervene = wipe_others(chosen.masks, at)
            read = trace(network.model, network.architecture, token_ids, intervene)
            scores = score_answers(read.logits, reviews.labels)
            rows = {"distance": distance, "units": chosen.units, "draw": chosen.draw}
            parts.append(
                pd.DataFrame({"review_id": reviews.ids, "value": scores}).assign(
                    measure=ANSWER, **rows
                )
            )
    return _summarize(pd.concat(parts, ignore_index=True), network, config)


def score_answers(logits: Sequence[np.ndarray], labels: np.ndarray) -> np.ndarray:
    """Return how far the logits of the true classes lie above those of the others, <float64>[n].

    Each logit counts as a deviation from its mean over texts, so that an answer that is the same for all
    texts scores 0 on average, whatever their labels. Heads are added up.

    Args:
      logits: <float>[n, outputs] of each head.
      labels: <int>[n, heads].
    """
    total = np.zeros(len(labels))
    for values, truth in zip(logits, labels.T, strict=True):
        apart = values - values.mean(axis=0)
        if apart.shape[1] == 1:
            total += apart[:, 0] * (2 * truth - 1)
        else:
            right = apart[np.arange(len(truth)), truth]
            total += right - (apart.sum(axis=1) - right) / (apart.shape[1] - 1)
    return total


class Texts(NamedTuple):
    """Hold the tokens of reviews with neutral ones before and after, row by row."""

    before: list[np.ndarray]
    reviews: list[np.ndarray]
    after: list[np.ndarray]

    @classmethod
    def write(
        cls,
        reviews: Reviews,
        material: Material,
        subject: Subject,
        furthest: int,
        rng: np.random.Generator,
    ) -> Texts:
        """Write neutral words for as many as `furthest` tokens on both sides of each review."""
        filler = Filler(material.sentences)
        read = _encode(subject, reviews.texts)
        longest = max(map(len, read))
        before, after = (
            _encode(subject, [filler.write_at_least(words, rng) for _ in read])
            for words in (longest + furthest, furthest)
        )
        return cls(before, read, after)

    def with_neutral(self, distance: int) -> np.ndarray:
        """Return token ids <int32>[reviews, tokens] with `distance` neutral tokens on each side.

        Shorter reviews have more before them, so that all rows have the same length and end alike.
        """
        longest = max(map(len, self.reviews))
        rows = []
        for before, review, after in zip(*self, strict=True):
            ahead = distance + longest - len(review)
            rows.append(np.concatenate([before[len(before) - ahead :], review, after[:distance]]))
        return np.stack(rows)


def _encode(subject: Subject, texts: list[str]) -> list[np.ndarray]:
    token_ids, offsets = encode_texts(subject.tokenizer, texts)
    return np.split(token_ids, offsets[1:-1])


def unit_times(subject: Subject, config: ProbeConfig) -> list[np.ndarray]:
    """Return the time constant of every unit, <float64>[D, U] by layer."""
    batches = [
        [layer.carried_states for layer in read.layers]
        for _, read in trace_reviews(
            subject, subject.reviews.validation, config.slow_reviews, config
        )
    ]
    return [time_constant(np.concatenate(parts, axis=2)) for parts in zip(*batches, strict=True)]


def time_constant(states: np.ndarray) -> np.ndarray:
    """Return -1 over the logarithm of the lag-1 autocorrelation of states, <float64>[D, U].

    states: <float64>[T, D, B, U]. The result is 0 for a unit that is the same in all texts, or whose
    autocorrelation is not positive, and infinite for one that never changes within a text.
    """
    apart = states - states.mean(axis=2, keepdims=True)
    before, after = apart[:-1], apart[1:]
    size = np.sqrt((before**2).sum(axis=(0, 2)) * (after**2).sum(axis=(0, 2)))
    product = (before * after).sum(axis=(0, 2))
    moves = size > _ROUNDING**2 * (states**2).sum(axis=(0, 2))
    lag_1 = np.divide(product, size, out=np.zeros_like(size), where=moves)
    with np.errstate(divide="ignore"):
        return np.where(lag_1 > 0, 1 / np.abs(np.log(np.clip(lag_1, _ROUNDING, 1))), 0.0)


def choose_units(times: list[np.ndarray], draws: int, rng: np.random.Generator) -> Iterator[Chosen]:
    """Choose units of each layer and direction: all, the slowest tenth, and random tenths."""
    yield Chosen(ALL, 0, [np.ones(one.shape, dtype=bool) for one in times])
    yield Chosen(SLOWEST, 0, [_largest(one) for one in times])
    for draw in range(draws):
        yield Chosen(RANDOM, draw, [_largest(rng.random(one.shape)) for one in times])


def _largest(values: np.ndarray) -> np.ndarray:
    """Return a mask of the largest tenth of values <float>[D, U] in each direction."""
    count = max(1, round(_SHARE * values.shape[1]))
    ranks = (-values).argsort(axis=1, kind="stable").argsort(axis=1)
    return ranks < count


def wipe_others(masks: list[np.ndarray], at: int) -> Intervention:
    """Return an intervention that sets all other units to their means over texts after step `at`.

    masks: <bool>[D, U] by layer, the units that are left alone.
    """

    def intervene(layer: int, step: int, states: Tensors) -> Tensors:
        if step != at:
            return states
        mask = masks[layer - 1][:, None]
        return tuple(
            tf.where(mask, state, tf.reduce_mean(state, axis=1, keepdims=True)) for state in states
        )

    return intervene


def _time_rows(times: list[np.ndarray]) -> pd.DataFrame:
    parts = []
    for layer, values in enumerate(times, start=1):
        direction, unit = np.indices(values.shape).reshape(2, -1)
        rows = {
            "measure": TIME,
            "layer": layer,
            "direction": np.array(DIRECTIONS)[direction],
            "unit": unit,
            "value": values.ravel(),
        }
        parts.append(pd.DataFrame(rows))
    return pd.concat(parts, ignore_index=True)


def _summarize(table: pd.DataFrame, network: Network, config: ProbeConfig) -> ProbeResult:
    answers = table[table.measure == ANSWER].astype({"distance": int})
    metrics: dict[str, float] = {"reviews": answers.review_id.nunique()}
    facts = {}
    for distance, part in answers.groupby("distance"):
        scores = part.groupby(["units", "review_id"]).value.mean().unstack().loc[list(UNITS)]
        curves = resample_curves(scores.to_numpy()[None], np.random.default_rng(config.seed))
        shares = {units: share_of(curves, 0, place, [0]) for place, units in _CARRYING}
        if any(share is None for share in shares.values()):
            facts[f"carried_{distance}"] = "nothing to lose"
            continue
        found = {units: share.value for units, share in shares.items() if share is not None}
        metrics |= {f"carried_{units}_{distance}": value for units, value in found.items()}
        facts[f"carried_{distance}"] = (
            f"{found[SLOWEST]:.0%} by the slowest tenth, {found[RANDOM]:.0%} by a random one"
        )
    times = table[table.measure == TIME]
    for _, part in times.groupby(["layer", "direction"]):
        layer, direction = int(part.layer.iloc[0]), part.direction.iloc[0]
        suffix = metric_suffix(network.architecture, layer, direction)
        metrics[f"time_constant{suffix}_median"] = part.value.median()
        metrics[f"time_constant{suffix}_p90"] = part.value.quantile(0.9, "higher")
    return ProbeResult("slow_units", table, metrics, facts)
