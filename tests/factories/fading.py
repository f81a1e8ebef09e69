"""Tables of what fades inside a network, with half-lives and time constants that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd

DISTANCES = np.array([0, 1, 2, 3, 4, 6, 8, 11, 16, 23, 32])
REVIEWS = [f"test-{number:03d}" for number in range(60)]


def make_runs(**counts: int) -> pd.DataFrame:
    """So many runs of each architecture."""
    names = [name for name, count in counts.items() for _ in range(count)]
    return pd.DataFrame(
        {"run_id": [f"run{number}" for number in range(len(names))], "architecture": names}
    )


def make_retention(half_lives: dict[str, float], noise: float = 0.2) -> pd.DataFrame:
    """Signals that halve after so many steps, run by run, each run and review on its own scale."""
    rng = np.random.default_rng(0)
    parts = []
    for run_id, half_life in half_lives.items():
        scale = rng.lognormal(0, 1) * rng.lognormal(0, noise, len(REVIEWS))
        values = 0.5 ** (DISTANCES[:, None] / half_life) * scale
        values *= rng.lognormal(0, noise, values.shape)
        parts.append(
            pd.DataFrame(
                {
                    "run_id": run_id,
                    "review_id": np.tile(REVIEWS, len(DISTANCES)),
                    "kind": "state",
                    "head": "",
                    "layer": 1,
                    "direction": "forward",
                    "distance": np.repeat(DISTANCES, len(REVIEWS)),
                    "value": values.ravel(),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def make_gates(constants: dict[str, list[float]], noise: float = 0.01) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        (run_id, review, 1, "forward", unit, -1 / constant * rng.lognormal(0, noise))
        for run_id, units in constants.items()
        for unit, constant in enumerate(units)
        for review in REVIEWS
    ]
    columns = ["run_id", "review_id", "layer", "direction", "unit", "log_gate"]
    return pd.DataFrame(rows, columns=columns)


def make_slow_units(
    shares: dict[str, tuple[float, float]], distances: tuple[int, ...] = (0, 50), score: float = 3.0
) -> pd.DataFrame:
    """Answers of which the slowest tenth, and on average a random one, bring these shares."""
    rng = np.random.default_rng(0)
    parts = []
    for run_id, (slowest, random) in shares.items():
        own = score + rng.normal(0, 0.3, len(REVIEWS))
        brought = {("all", 0): 1.0, ("slowest", 0): slowest}
        brought |= {("random", draw): random * (0.5 + draw) for draw in (0, 1)}
        for distance in distances:
            for (units, draw), share in brought.items():
                rows = {"review_id": REVIEWS, "value": share * own}
                parts.append(
                    pd.DataFrame(rows).assign(
                        run_id=run_id, measure="answer", distance=distance, units=units, draw=draw
                    )
                )
        times = pd.DataFrame({"unit": range(10), "value": [*range(1, 10), 200.0]})
        parts.append(times.assign(run_id=run_id, measure="time", layer=1, direction="forward"))
    return pd.concat(parts, ignore_index=True)
