"""Corrections for many tests: they agree with scipy and statsmodels, and hold where nothing differs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats
from statsmodels.stats.multitest import multipletests

from pipeline.analysis.multiple import PairTests, compare_pairs, holm
from pipeline.analysis.variances import RunEstimates


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    expected: Any = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), expected, atol=1e-12)


def test_holm_leaves_out_what_was_not_tested() -> None:
    corrected = holm([0.01, np.nan, 0.04])
    np.testing.assert_allclose(corrected, [0.02, np.nan, 0.04])


def compare(groups: list[NDArray[np.float64]], reviews: float = 0.0, seed: int = 0) -> PairTests:
    """Compare groups of runs whose means have this variance over reviews, each on its own."""
    values = np.concatenate(groups)
    ends = np.cumsum([len(one) for one in groups])
    rows = [np.arange(end - len(one), end) for end, one in zip(ends, groups, strict=True)]
    covariance = np.zeros((len(values), len(values)))
    for one in rows:
        covariance[np.ix_(one, one)] = reviews
    return compare_pairs(RunEstimates(values, covariance), rows, np.random.default_rng(seed), 10**9)


def draw(shape: tuple[int, ...], seed: int = 0, spreads: float = 1.0) -> list[NDArray[np.float64]]:
    """Return a group for each of `shape`, with as many runs, at rising means."""
    rng = np.random.default_rng(seed)
    return [rng.normal(0.4 * n, 1 + n * (spreads - 1), size) for n, size in enumerate(shape)]


def of_pairs(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([table[a, b] for a, b in combinations(range(len(table)), 2)])


@pytest.mark.parametrize("shape", [(4, 4, 4), (3, 5, 8, 4), (40, 30, 20)])
def test_if_alike_is_tukey_s_test(shape: tuple[int, ...]) -> None:
    """Of the largest difference; the others are corrected for those that differ less, so less."""
    groups = draw(shape)
    expected = of_pairs(stats.tukey_hsd(*groups).pvalue)
    found = compare(groups).if_alike
    assert (found <= expected + 0.02).all()
    assert found[expected.argmin()] == pytest.approx(expected.min(), abs=0.02)


def test_with_many_seeds_it_is_games_and_howell_s_test() -> None:
    groups = draw((60, 60, 60, 60), spreads=1.5)
    means, variances = [one.mean() for one in groups], [one.var(ddof=1) / 60 for one in groups]
    expected, found = [], compare(groups).adjusted
    for a, b in combinations(range(4), 2):
        total = variances[a] + variances[b]
        freedom = total**2 / (variances[a] ** 2 + variances[b] ** 2) * 59
        range_ = abs(means[a] - means[b]) / np.sqrt(total / 2)
        expected.append(stats.studentized_range.sf(range_, 4, freedom))
    least = int(np.argmin(expected))
    assert (found <= np.array(expected) + 0.02).all()
    assert found[least] == pytest.approx(expected[least], abs=0.01)


@pytest.mark.parametrize("reviews", [0.0, 0.5])
def test_of_two_architectures_it_is_welch_s_test(reviews: float) -> None:
    groups = draw((4, 4))
    groups[1] += 1.5
    welch: Any = stats.ttest_ind(*groups, equal_var=False)
    found = compare(groups, reviews).adjusted[0]
    if reviews:
        assert found > welch.pvalue + 0.02
    else:
        assert found == pytest.approx(welch.pvalue, abs=0.03)


def test_without_chance_in_the_seeds_the_reviews_decide() -> None:
    groups = [np.full(3, mean) for mean in (0.0, 1.0, 2.0, 4.0)]
    found = compare(groups, 1.0)
    expected = stats.studentized_range.sf(4 / np.sqrt(1.0), 4, np.inf)
    assert found.adjusted[2] == pytest.approx(expected, abs=0.01)
    assert found.if_alike[2] == pytest.approx(expected, abs=0.01)


def test_a_single_run_is_judged_only_if_all_are_alike() -> None:
    groups = draw((1, 5, 5))
    found = compare(groups)
    assert np.isnan(found.adjusted[:2]).all()
    assert np.isnan(found.detectable[:2]).all()
    assert np.isfinite(found.adjusted[2])
    assert np.isfinite(found.if_alike).all()
    assert np.isnan(compare(draw((1, 1))).if_alike).all()
    assert len(compare(draw((3,))).adjusted) == 0


def test_a_smaller_difference_is_corrected_for_those_that_differ_no_more() -> None:
    near = draw((5, 5))
    near[1] += 1.0
    alone = compare(near).adjusted[0]
    beside = compare([*near, near[0] + 100, near[0] + 200]).adjusted[0]
    assert beside == pytest.approx(alone, abs=0.015)
    among = compare([*near, near[0] + 0.01, near[1] - 0.01]).adjusted[0]
    assert among > 2 * alone


@pytest.mark.parametrize("spreads", [(1.0,) * 6, (3.0, 1, 1, 1, 1, 1)])
def test_where_nothing_differs_little_is_called_better(spreads: tuple[float, ...]) -> None:
    rng, false = np.random.default_rng(1), 0
    for sweep in range(100):
        groups = [rng.normal(0, spread, 3) for spread in spreads]
        false += np.nanmin(compare(groups, seed=sweep).adjusted) < 0.05
    assert false <= 9  # one in twenty and two standard errors


@pytest.mark.parametrize("reviews", [0.0, 0.3])
def test_four_of_five_sweeps_find_what_is_called_detectable(reviews: float) -> None:
    rng, seeds = np.random.default_rng(3), 4
    typical = np.asarray(stats.zscore(np.arange(seeds), ddof=1))  # whose spread is the true one
    detectable = compare([typical] * 4, reviews).detectable[0]
    found = 0
    for sweep in range(150):
        luck = rng.normal(0, np.sqrt(reviews), 4)
        groups = [rng.normal(luck[place], 1, seeds) for place in range(4)]
        groups[0] += detectable
        found += compare(groups, reviews, sweep).adjusted[0] < 0.05
    assert 0.7 * 150 < found < 0.92 * 150
