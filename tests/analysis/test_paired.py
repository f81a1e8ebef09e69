"""Pairs of networks and architectures: McNemar's test, and who wins on a new seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_effectsize

from pipeline.analysis import paired


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_that_of_statsmodels(only_a: int, only_b: int) -> None:
    one_sided = paired.mcnemar_p_values([only_a, only_b], [only_b, only_a])
    two_sided: Any = mcnemar([[5, only_a], [only_b, 5]], exact=True)
    assert min(1, 2 * one_sided.min()) == pytest.approx(min(1, two_sided.pvalue), abs=1e-9)


def test_one_pair_of_seeds_is_at_most_doubled() -> None:
    correct = np.random.default_rng(0).random((2, 800)) < [[0.8], [0.7]]
    a, b = correct
    table = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    single: Any = mcnemar(table, exact=True)
    combined = paired.mcnemar_over_seeds(correct, [0], [1])
    assert combined == pytest.approx(min(1, 2 * single.pvalue), rel=1e-6)


def test_seeds_that_disagree_on_the_winner_prove_nothing() -> None:
    rng = np.random.default_rng(0)
    good, bad = rng.random((2, 2000)) < 0.95, rng.random((2, 2000)) < 0.5
    correct = np.stack([good[0], bad[0], good[1], bad[1]])
    assert paired.mcnemar_over_seeds(correct, [0, 1], [2, 3]) == 1


def test_winning() -> None:
    low, high = [0.80, 0.81, 0.805], [0.87, 0.88, 0.875]
    assert paired.probability_of_winning(high, low) > 0.99
    assert paired.probability_of_winning(low, high) < 0.01
    assert paired.probability_of_winning(low, low) == pytest.approx(0.5)
    assert np.isnan(paired.probability_of_winning([0.8], low))


@pytest.mark.parametrize("pair", [(0.0, 1.0), (0.915, 0.9), (0.5, 0.5)])
def test_effect_sizes_are_those_of_statsmodels(pair: tuple[float, float]) -> None:
    assert paired.effect_size(*pair) == pytest.approx(proportion_effectsize(*pair))
