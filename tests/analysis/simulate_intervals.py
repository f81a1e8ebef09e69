"""Measure the coverage of the intervals and the error rate of the verdicts by simulation.

    python -m tests.analysis.simulate_intervals [sweeps]

Each of a thousand sweeps draws new seeds and reviews. The log odds that a run is right on a review are
the sum of effects of the architecture, the seed, the review, and the architecture on that review. The
truth is the expectation over seeds and reviews, so an interval must cover both. The simulation counts
how often 95 % intervals contain the truth (accuracy, difference, accuracy on long reviews, slope over
length and its difference) and, where no architecture differs, in how many sweeps no pair is called
different by Holm's correction; `simulate_contrasts` counts the verdicts on pairs. Satterthwaite's t
alone and McNemar's test alone are shown for comparison. The output is in `simulate_intervals.txt`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from pipeline.analysis import statistics
from pipeline.analysis.logistic import fit_by_doubling
from pipeline.analysis.multiple import holm
from pipeline.analysis.paired import mcnemar_over_seeds
from pipeline.analysis.variances import decompose

REPLICATES = 300


@dataclass(frozen=True)
class World:
    """A population of architectures, seeds and reviews; standard deviations are in log odds.

    slopes: what a doubling of the length costs each architecture, in log odds.
    """

    name: str
    abilities: tuple[float, ...]
    seeds: int
    reviews: int
    seed_sd: float
    review_sd: float = 1.5
    own_sd: float = 0.7
    slopes: tuple[float, ...] = ()

    @property
    def fixed(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        abilities = np.array(self.abilities)
        return abilities, np.array(self.slopes or np.zeros(len(abilities)))


UNLIKE, LOSSES = (2.0, 2.0, 1.6), (-0.1, -0.1, -0.3)
WORLDS = (
    World(
        "three seeds, large test split", (2.0, 2.0, 1.6), 3, 4000, 0.06, slopes=(-0.1, -0.1, -0.3)
    ),
    World(
        "three seeds, small test split", (2.0, 2.0, 1.6), 3, 600, 0.06, slopes=(-0.1, -0.1, -0.3)
    ),
    World("three uneven seeds", UNLIKE, 3, 2000, 0.25, slopes=LOSSES),
    World("five seeds", UNLIKE, 5, 2000, 0.10, slopes=LOSSES),
    World("ten seeds", UNLIKE, 10, 1000, 0.10, slopes=LOSSES),
    World("two seeds", UNLIKE, 2, 2000, 0.10, slopes=LOSSES),
    World("nine alike, three seeds", (2.0,) * 9, 3, 2000, 0.10),
    World("nine alike, five seeds", (2.0,) * 9, 5, 2000, 0.10),
    World("nine alike, own tastes", (2.0,) * 9, 3, 2000, 0.03, own_sd=1.2),
)


@dataclass(frozen=True)
class Sweep:
    """correct: <bool>[runs, reviews]; members: rows by architecture; doublings: [reviews]."""

    correct: NDArray[np.bool_]
    members: list[NDArray[np.intp]]
    doublings: NDArray[np.float64]


def draw_sweep(world: World, rng: np.random.Generator) -> Sweep:
    abilities, slopes = world.fixed
    doublings = rng.normal(0, 0.9, world.reviews)  # log2 of the length over its median
    hardness = rng.normal(0, world.review_sd, world.reviews)
    own = rng.normal(0, world.own_sd, (len(abilities), world.reviews))
    odds = abilities[:, None] + slopes[:, None] * doublings + hardness + own
    luck = rng.normal(0, world.seed_sd, (len(abilities), world.seeds))
    chances = special.expit(odds[:, None, :] + luck[:, :, None])
    correct = rng.random(chances.shape) < chances
    runs = np.arange(correct.shape[0] * correct.shape[1]).reshape(correct.shape[:2])
    return Sweep(correct.reshape(-1, world.reviews), list(runs), doublings)


@dataclass(frozen=True)
class Truth:
    accuracy: NDArray[np.float64]
    accuracy_long: NDArray[np.float64]
    slope: NDArray[np.float64]


def find_truth(world: World, rng: np.random.Generator, points: int = 400_000) -> Truth:
    """Expected accuracies, over all and over long reviews, and what a fitted slope converges to."""
    abilities, slopes = world.fixed
    spread = np.sqrt(world.review_sd**2 + world.own_sd**2 + world.seed_sd**2)
    doublings, noise = rng.normal(0, 0.9, points), rng.normal(0, spread, points)
    chances = special.expit(abilities[:, None] + slopes[:, None] * doublings + noise)
    design = np.column_stack([np.ones(points), doublings])
    fitted = []
    for chance in chances:
        beta = np.array([special.logit(chance.mean()), 0.0])
        for _ in range(8):
            expected = special.expit(design @ beta)
            weights = expected * (1 - expected)
            beta += np.linalg.solve(
                design.T @ (design * weights[:, None]),
                design.T @ (chance - expected),
            )
        fitted.append(beta[1])
    return Truth(chances.mean(axis=1), chances[:, doublings > 1].mean(axis=1), np.array(fitted))


def judge_sweep(
    sweep: Sweep, truth: Truth, rng: np.random.Generator, *, slopes: bool
) -> dict[str, list[bool]]:
    """For each kind of claim, whether each of them held."""
    everything = np.ones(sweep.correct.shape[1], dtype=bool)
    groups = np.stack([everything, sweep.doublings > 1])
    overall, long = statistics.resample_reviews(sweep.correct, groups, rng, REPLICATES)
    held: dict[str, list[bool]] = {}

    def note(claim: str, interval: statistics.Interval, value: float) -> None:
        held.setdefault(claim, []).append(bool(interval.low <= value <= interval.high))

    for place, rows in enumerate(sweep.members):
        note(
            "accuracy",
            statistics.accuracy_interval(overall, rows, int(groups[0].sum())),
            truth.accuracy[place],
        )
        note(
            "accuracy, long",
            statistics.accuracy_interval(long, rows, int(groups[1].sum())),
            truth.accuracy_long[place],
        )
    fits = fit_by_doubling(sweep.correct, sweep.doublings) if slopes else None
    if fits is not None:
        for place, rows in enumerate(sweep.members):
            note("slope", statistics.contrast(fits.slope(), [(1, rows)]), truth.slope[place])
    p_values, mcnemar, single = [], [], []
    for a in range(len(sweep.members)):
        for b in range(a):
            terms = [(1.0, sweep.members[a]), (-1.0, sweep.members[b])]
            gap = statistics.contrast(overall, terms)
            note("difference", gap, truth.accuracy[a] - truth.accuracy[b])
            p_values.append(gap.p_value)
            mcnemar.append(mcnemar_over_seeds(sweep.correct, sweep.members[a], sweep.members[b]))
            single.append(_single_t(overall, terms))
            if fits is not None:
                gap = statistics.contrast(fits.slope(), terms)
                note("difference of slopes", gap, truth.slope[a] - truth.slope[b])
    for claim, tests in (
        ("no false better", p_values),
        ("(a single t)", single),
        ("(McNemar alone)", mcnemar),
    ):
        held[claim] = [bool(holm(tests).min() >= 0.05)]
    return held


def _single_t(estimates: statistics.RunEstimates, terms: list) -> float:
    """The p value by Satterthwaite's degrees of freedom for all sources at once."""
    parts = decompose(estimates, terms)
    total = parts.from_reviews + parts.from_seeds
    freedom = parts.freedom * (total / max(parts.from_seeds, 1e-30)) ** 2
    return float(2 * stats.t.sf(abs(parts.value) / np.sqrt(total), freedom))


def simulate(
    world: World, sweeps: int, rng: np.random.Generator, *, slopes: bool = True
) -> dict[str, float]:
    """The share of claims that held, by kind."""
    truth = find_truth(world, rng)
    counts: dict[str, list[bool]] = {}
    for _ in range(sweeps):
        for claim, held in judge_sweep(draw_sweep(world, rng), truth, rng, slopes=slopes).items():
            counts.setdefault(claim, []).extend(held)
    return {claim: float(np.mean(held)) for claim, held in counts.items()}


def main() -> None:
    sweeps = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    rng = np.random.default_rng(20250601)
    print(f"{sweeps} sweeps of each world; the share of claims that held, in percent")
    for world in WORLDS:
        alike = len(set(world.abilities)) == 1
        shares = simulate(world, sweeps, rng, slopes=not alike)
        shown = {c: s for c, s in shares.items() if alike or ("better" not in c and "(" not in c)}
        print(f"\n{world.name}: {world.seeds} seeds, {world.reviews} reviews", flush=True)
        for claim, share in shown.items():
            print(f"  {claim:22} {100 * share:5.1f}", flush=True)


if __name__ == "__main__":
    main()
