"""Measure by simulation how often the contrasts and pairs of a sweep are covered, right and decided.

    PYTHONPATH=.:tests python -m tests.analysis.simulate_contrasts [sweeps [world ...]]

Each simulated sweep draws the seeds and reviews of the nine presets anew, in log odds as in
`simulate_intervals`, and asks the contrasts that follow from them. The truth is the expectation over
seeds and reviews. Counted are: 95 % intervals that contain the truth; sweeps in which some contrast
without a difference is called one (a false yes, after Holm); sweeps in which some contrast with a
difference of at least the margin is called none (a false no); and decided contrasts whose true
difference is two points (power). The last worlds add seeds as `precision` does, until every interval
is narrow enough, and count the same.

Of the pairs of architectures, in a second line of each world, are counted: sweeps in which one of two
that do not differ is called better (false better) or at least likely better (false likely), and pairs
two points apart that are called so. Games and Howell's test, which holds Welch's t alone against the
studentized range, is shown for comparison. The output is in `simulate_contrasts.txt`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pandas as pd
from factories.tracked import ARCHITECTURES
from numpy.typing import NDArray
from scipy import optimize, special, stats

from pipeline.analysis import statistics
from pipeline.analysis.contrasts import Contrast, derive_contrasts
from pipeline.analysis.logistic import fit_by_doubling
from pipeline.analysis.multiple import SIGNIFICANCE, compare_pairs
from pipeline.analysis.variances import split_means
from pipeline.analysis.verdicts import NO, YES, Quantity, decide_contrasts

NAMES = list(ARCHITECTURES)
SIMPLE = [name for name in NAMES if "simple" in name]
MARGIN = 0.01
REPLICATES = 300
VARIANTS = pd.DataFrame(
    [
        dict(zip(("architecture", "cell", "num_layers", "bidirectional"), (n, *a[:3]), strict=True))
        for n, a in ARCHITECTURES.items()
    ]
)


@dataclass(frozen=True)
class SweepWorld:
    """A population of sweeps; standard deviations are in log odds.

    deficit: by how many points simple cells are worse. seeds: of every architecture; holes: of some
    others. precision: the half-width, as a share, at which no more seeds are added, of at most ten.
    wide: architectures whose seeds spread three times as much. growth: the log odds that a
    doubling of the length costs simple cells.
    """

    name: str
    deficit: float = 0.0
    seeds: int = 3
    reviews: int = 6_000
    seed_sd: float = 0.06
    precision: float | None = None
    holes: Mapping[str, int] = field(default_factory=dict)
    wide: tuple[str, ...] = ()
    growth: float = 0.0


WORLDS = (
    SweepWorld("no difference, three seeds"),
    SweepWorld("no difference, two seeds", seeds=2),
    SweepWorld("no difference, five seeds", seeds=5),
    SweepWorld("no difference, ten seeds", seeds=10),
    SweepWorld("no difference, two of nine thrice as wide", wide=("lstm", "bi_simple_rnn")),
    SweepWorld("no difference, holes", holes={"gru": 0, "stacked_simple_rnn": 0, "bi_lstm": 2}),
    SweepWorld("no difference, two wide, two seeds", seeds=2, wide=("lstm", "bi_simple_rnn")),
    SweepWorld("no difference, two wide, ten seeds", seeds=10, wide=("lstm", "bi_simple_rnn")),
    SweepWorld("exactly the margin, two seeds", deficit=0.01, seeds=2),
    SweepWorld("exactly the margin, three seeds", deficit=0.01),
    SweepWorld("exactly the margin, two wide", deficit=0.01, wide=("lstm", "bi_simple_rnn")),
    SweepWorld("exactly the margin, ten seeds", deficit=0.01, seeds=10),
    SweepWorld("two points, two seeds", deficit=0.02, seeds=2),
    SweepWorld("two points, three seeds", deficit=0.02),
    SweepWorld("two points, ten seeds", deficit=0.02, seeds=10),
    SweepWorld("two points, two wide", deficit=0.02, wide=("lstm", "bi_simple_rnn")),
    SweepWorld("two points, holes", deficit=0.02, holes={"gru": 0, "stacked_simple_rnn": 0}),
    SweepWorld("two points, growing with length", deficit=0.02, growth=-0.15),
    SweepWorld("no difference, until known to 0.7 points", precision=0.007),
    SweepWorld("exactly the margin, until known to 0.7 points", deficit=0.01, precision=0.007),
    SweepWorld("two points, until known to 0.7 points", deficit=0.02, precision=0.007),
)
_MAX_SEEDS = 10
_ABILITY, _REVIEW_SD, _OWN_SD = 2.6, 1.5, 0.5


class Truth:
    """Expected accuracies of an ability, as a mean over reviews, seeds and lengths."""

    def __init__(self, rng: np.random.Generator, points: int = 400_000) -> None:
        self.doublings = rng.normal(0, 0.9, points)
        self.noise = rng.normal(0, 1, points)

    def accuracy(self, ability: float, growth: float, seed_sd: float) -> float:
        spread = np.sqrt(_REVIEW_SD**2 + _OWN_SD**2 + seed_sd**2)
        odds = ability + growth * self.doublings + spread * self.noise
        return float(special.expit(odds).mean())

    def solve(self, accuracy: float, growth: float, seed_sd: float) -> float:
        """Return the ability that has this accuracy."""
        gap = lambda ability: self.accuracy(ability, growth, seed_sd) - accuracy  # noqa: E731
        return float(optimize.brentq(gap, 0.0, 6.0))  # pyright: ignore[reportArgumentType]


def draw_sweep(
    world: SweepWorld, abilities: Mapping[str, float], rng: np.random.Generator
) -> tuple[NDArray[np.bool_], dict[str, NDArray[np.intp]], NDArray[np.float64]]:
    """Return <bool>[runs, reviews], the rows of each architecture, and the doublings of length."""
    doublings = rng.normal(0, 0.9, world.reviews)
    hardness = rng.normal(0, _REVIEW_SD, world.reviews)
    parts, rows, start = [], {}, 0
    for name in NAMES:
        seeds = world.holes.get(name, world.seeds)
        growth = world.growth if name in SIMPLE else 0.0
        own = rng.normal(0, _OWN_SD, world.reviews)
        luck = rng.normal(0, _seed_sd(world, name), (seeds, 1))
        odds = abilities[name] + growth * doublings + hardness + own + luck
        parts.append(rng.random((seeds, world.reviews)) < special.expit(odds))
        if seeds:
            rows[name] = np.arange(start, start + seeds)
        start += seeds
    return np.concatenate(parts), rows, doublings


def _seed_sd(world: SweepWorld, name: str) -> float:
    return world.seed_sd * (3 if name in world.wide else 1)


def simulate(world: SweepWorld, sweeps: int, rng: np.random.Generator) -> dict[str, float]:
    """Return the shares that the module names."""
    truth = Truth(rng)
    base = truth.accuracy(_ABILITY, 0.0, world.seed_sd)
    abilities, expected = {}, {}
    for name in NAMES:
        simple = name in SIMPLE
        expected[name] = base - (world.deficit if simple else 0.0)
        growth = world.growth if simple else 0.0
        abilities[name] = truth.solve(expected[name], growth, _seed_sd(world, name))
    asked = derive_contrasts(VARIANTS, {})
    covered, false_yes, false_no, decided, grown, seeds, pairs = [], [], [], [], [], [], []
    everything = np.ones((1, world.reviews), dtype=bool)
    for _ in range(sweeps):
        drawn = replace(world, seeds=_MAX_SEEDS) if world.precision else world
        correct, rows, doublings = draw_sweep(drawn, abilities, rng)
        (overall,) = statistics.resample_reviews(correct, everything, rng, REPLICATES)
        if world.precision:
            rows = _add_seeds(world, asked, overall, rows)
            seeds.append(len(next(iter(rows.values()))))
        pairs.append(judge_pairs(overall, rows, expected, world.reviews, rng))
        quantities = [Quantity("accuracy", overall, rows, MARGIN, world.reviews)]
        if world.growth:
            change = fit_by_doubling(correct, doublings).change(-1.0, 1.0)
            quantities.append(Quantity("change_with_length", change, rows, MARGIN))
        table = decide_contrasts(asked, quantities, {}, True)
        accuracy = table[table.quantity == "accuracy"].set_index("contrast")
        true = {
            one.name: sum(
                weight * _mean(expected, rows, members) for weight, members in one.terms(rows)
            )
            for one in asked
            if one.name in accuracy.index
        }
        for name, value in true.items():
            covered.append(accuracy.ci_low[name] <= value <= accuracy.ci_high[name])
            if abs(value) > 0.015:
                decided.append(accuracy.verdict[name] == YES)
        same = [name for name, value in true.items() if abs(value) < 1e-9]
        apart = [name for name, value in true.items() if abs(value) >= MARGIN - 1e-9]
        false_yes.append(any(accuracy.verdict[name] == YES for name in same))
        false_no.append(any(accuracy.verdict[name] == NO for name in apart))
        if world.growth:
            row = table[
                (table.quantity == "change_with_length") & (table.contrast == asked[0].name)
            ]
            grown.append(bool((row.verdict == YES).iloc[0] and row.estimate.iloc[0] > 0))
    shares = {"covered": covered, "false yes": false_yes, "false no": false_no}
    shares |= {"power": decided} if decided else {}
    shares |= {"growth found": grown} if grown else {}
    shares |= {"of ten seeds used": np.array(seeds) / _MAX_SEEDS} if seeds else {}
    found = {name: float(np.mean(held)) for name, held in shares.items()}
    return found | {name: float(np.mean([one[name] for one in pairs])) for name in pairs[0]}


def judge_pairs(
    overall: statistics.RunEstimates,
    rows: Mapping[str, NDArray[np.intp]],
    expected: Mapping[str, float],
    reviews: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return, for the pairs of one sweep, what the module names."""
    members = list(rows.values())
    tests = compare_pairs(overall, members, rng, reviews, sweeps=1000)
    better = tests.adjusted < SIGNIFICANCE
    likely = better | (tests.if_alike < SIGNIFICANCE)
    first, second = np.triu_indices(len(rows), 1)
    true = np.array([expected[name] for name in rows])
    gaps = np.abs(true[first] - true[second])
    same, apart = gaps < 1e-9, gaps > 0.015
    found = {
        "false better": float(better[same].any()),
        "(Games and Howell)": float((_games_howell(overall, members) & same).any()),
        "false likely": float(likely[same].any()),
    }
    if apart.any():
        found |= {
            "pairs better": float(better[apart].mean()),
            "or likely": float(likely[apart].mean()),
        }
    return found


def _games_howell(
    overall: statistics.RunEstimates, members: Sequence[NDArray[np.intp]]
) -> NDArray[np.bool_]:
    """Return which pairs the test calls different, which counts the seeds alone."""
    means = split_means(overall, members)
    first, second = np.triu_indices(len(members), 1)
    a, b = ((means.variances / means.counts)[side] for side in (first, second))
    degrees_a, degrees_b = ((means.counts - 1)[side] for side in (first, second))
    with np.errstate(invalid="ignore"):  # of seeds that are equal
        freedom = (a + b) ** 2 / (a**2 / degrees_a + b**2 / degrees_b)
    least = np.interp(freedom, *_range_quantiles(len(members)))
    return np.abs(means.values[first] - means.values[second]) > least * np.sqrt((a + b) / 2)


@cache
def _range_quantiles(groups: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    freedoms = np.geomspace(1, 200, 60)
    return freedoms, stats.studentized_range.isf(SIGNIFICANCE, groups, freedoms)


def _add_seeds(
    world: SweepWorld,
    asked: Sequence[Contrast],
    overall: statistics.RunEstimates,
    rows: Mapping[str, NDArray[np.intp]],
) -> dict[str, NDArray[np.intp]]:
    """Return the rows of so many seeds as make every contrast precise enough, three at least."""
    assert world.precision is not None
    held = dict(rows)
    for seeds in range(world.seeds, _MAX_SEEDS + 1):
        held = {name: members[:seeds] for name, members in rows.items()}
        found = [statistics.contrast(overall, one.terms(held), world.reviews) for one in asked]
        if max((gap.high - gap.low) / 2 for gap in found) <= world.precision:
            break
    return held


def _mean(
    expected: Mapping[str, float], rows: Mapping[str, NDArray[np.intp]], members: object
) -> float:
    return next(expected[name] for name, held in rows.items() if held is members)


def main() -> None:
    sweeps = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{sweeps} sweeps of nine architectures in each world; shares in percent, margin 1 point")
    names = sys.argv[2:]
    for place, world in enumerate(WORLDS):
        if names and not any(name in world.name for name in names):
            continue
        shares = simulate(world, sweeps, np.random.default_rng([20261126, place]))
        shown = [f"{name} {100 * share:5.1f}" for name, share in shares.items()]
        pairs = list(shares).index("false better")
        print(f"{world.name:45} {'  '.join(shown[:pairs])}")
        print(f"{'':45} {'  '.join(shown[pairs:])}", flush=True)


if __name__ == "__main__":
    main()
