"""The statistics: they agree with statsmodels, keep their properties, and their intervals hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from pipeline.analysis import statistics
from pipeline.analysis.logistic import fit_by_doubling
from tests.analysis.simulate_intervals import World, simulate

ROWS = [np.arange(0, 3), np.arange(3, 6)]


def draw(runs: int = 6, reviews: int = 800, seed: int = 0, slope: float = 0.4):
    """Answers of runs that share the reviews' hardness, and the doublings behind it."""
    rng = np.random.default_rng(seed)
    doublings = rng.normal(0, 1, reviews)
    odds = 1.2 + rng.normal(0, 0.1, (runs, 1)) + rng.normal(0, 1.5, reviews) - slope * doublings
    return rng.random((runs, reviews)) < 1 / (1 + np.exp(-odds)), doublings


def estimate(correct: np.ndarray, seed: int = 0, replicates: int = 1000) -> statistics.RunEstimates:
    everything = np.ones((1, correct.shape[1]), dtype=bool)
    rng = np.random.default_rng(seed)
    return statistics.resample_reviews(correct, everything, rng, replicates)[0]


class TestResampledReviews:
    def test_the_spread_is_that_of_a_mean_over_reviews(self) -> None:
        correct, _ = draw()
        found = estimate(correct, replicates=4000)
        expected = np.cov(correct.astype(float)) / correct.shape[1]
        np.testing.assert_allclose(found.values, correct.mean(axis=1))
        np.testing.assert_allclose(found.covariance, expected, atol=0.1 * expected.max())

    def test_a_group_knows_its_own_reviews_only(self) -> None:
        correct, doublings = draw()
        groups = np.stack([doublings < 0, doublings >= 0])
        found = statistics.resample_reviews(correct, groups, np.random.default_rng(0))
        for group, estimates in zip(groups, found, strict=True):
            np.testing.assert_allclose(estimates.values, correct[:, group].mean(axis=1))

    def test_the_generator_decides(self) -> None:
        correct, _ = draw()
        np.testing.assert_array_equal(
            estimate(correct, 1).covariance, estimate(correct, 1).covariance
        )
        assert not np.array_equal(estimate(correct, 1).covariance, estimate(correct, 2).covariance)

    def test_an_empty_group_is_refused(self) -> None:
        correct, _ = draw()
        with pytest.raises(ValueError, match="without reviews"):
            statistics.resample_reviews(correct, np.zeros((1, 800), bool), np.random.default_rng(0))


class TestContrast:
    def test_without_chance_in_the_reviews_it_is_welchs_test(self) -> None:
        values = np.array([0.87, 0.88, 0.865, 0.85, 0.845, 0.86])
        found = statistics.contrast(
            statistics.RunEstimates(values, np.zeros((6, 6))), [(1, ROWS[0]), (-1, ROWS[1])]
        )
        welch: Any = stats.ttest_ind(values[:3], values[3:], equal_var=False)
        interval = welch.confidence_interval()
        assert found.p_value == pytest.approx(welch.pvalue, rel=1e-6)
        assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-6)

    def test_without_spread_among_seeds_it_is_the_normal_test(self) -> None:
        covariance = np.full((6, 6), 1e-5)
        covariance[:3, 3:] = covariance[3:, :3] = 0.2e-5
        values = np.repeat([0.87, 0.86], 3)
        found = statistics.contrast(
            statistics.RunEstimates(values, covariance), [(1, ROWS[0]), (-1, ROWS[1])]
        )
        z = 0.01 / np.sqrt(1e-5 + 1e-5 - 0.4e-5)
        assert found.p_value == pytest.approx(2 * stats.norm.sf(z), rel=1e-6)

    def test_the_p_value_and_the_interval_agree(self) -> None:
        correct, _ = draw()
        for a, b in ((0, 1), (1, 0)):
            found = statistics.contrast(estimate(correct), [(1, ROWS[a]), (-1, ROWS[b])])
            assert (found.p_value < 0.05) == (found.low > 0 or found.high < 0)

    def test_swapping_turns_the_sign_only(self) -> None:
        estimates = estimate(draw()[0])
        ab = statistics.contrast(estimates, [(1, ROWS[0]), (-1, ROWS[1])])
        ba = statistics.contrast(estimates, [(1, ROWS[1]), (-1, ROWS[0])])
        assert ab.p_value == pytest.approx(ba.p_value)
        assert (ab.low, ab.high) == pytest.approx((-ba.high, -ba.low))

    @pytest.mark.parametrize("share", [0.99, 0.995, 1.0])
    def test_few_reviews_with_nearly_all_right_are_certain_of_nothing(self, share: float) -> None:
        rng = np.random.default_rng(5)
        everything, terms = np.ones((1, 30), bool), [(1.0, ROWS[0]), (-1.0, ROWS[1])]
        false, tied = 0, 0
        for _ in range(200):
            (estimates,) = statistics.resample_reviews(
                rng.random((6, 30)) < share, everything, rng, replicates=100
            )
            found = statistics.contrast(estimates, terms, reviews=30)
            false += found.p_value < 0.05
            tied += max(-found.low, found.high) < 0.02
        assert false <= 17  # of 200, where one in twenty is promised: three standard errors
        assert tied == 0

    def test_one_seed_is_said_and_its_interval_is_narrower(self) -> None:
        estimates = estimate(draw()[0])
        one = statistics.contrast(estimates, [(1, [0]), (-1, ROWS[1])])
        assert not one.seeds_counted

    def test_an_unknown_estimate_of_another_run_does_no_harm(self) -> None:
        estimates = estimate(draw()[0])
        estimates.values[5] = np.nan
        estimates.covariance[5] = estimates.covariance[:, 5] = np.nan
        assert np.isfinite(statistics.contrast(estimates, [(1, ROWS[0])]).low)
        assert np.isnan(statistics.contrast(estimates, [(1, ROWS[1])]).p_value)

    @settings(max_examples=60, deadline=None)
    @given(hnp.arrays(np.bool_, (4, 30)), st.integers(0, 1000))
    def test_an_accuracy_stays_a_share(self, correct: np.ndarray, seed: int) -> None:
        found = statistics.accuracy_interval(estimate(correct, seed, 50), [0, 1], 30)
        assert 0 <= found.low <= found.value <= found.high <= 1

    def test_all_right_still_has_a_width(self) -> None:
        correct = np.ones((3, 50), dtype=bool)
        found = statistics.accuracy_interval(estimate(correct), [0, 1, 2], 50)
        assert found.high == 1
        assert found.low == pytest.approx(50 / (50 + stats.norm.isf(0.025) ** 2), abs=1e-6)

    @pytest.mark.parametrize(
        ("share", "count"), [(0.0, 12), (1.0, 30), (0.915, 25_000), (0.3, 7.5)]
    )
    def test_the_part_of_the_reviews_is_wilsons(self, share: float, count: float) -> None:
        expected = proportion_confint(share * count, count, 0.05, method="wilson")
        assert statistics._wilson(share, count) == pytest.approx(expected, abs=1e-12)


class TestSlopes:
    def test_the_fit_is_the_interaction_model_of_statsmodels(self) -> None:
        """`correct ~ run x doublings` in one model, clustered by review."""
        correct, doublings = draw(3, 500)
        runs, reviews = correct.shape
        found = fit_by_doubling(correct, doublings)
        run = pd.get_dummies(np.repeat(np.arange(runs), reviews)).to_numpy(float)
        design = np.hstack([run, run * np.tile(doublings, runs)[:, None]])
        model = sm.GLM(correct.ravel().astype(float), design, family=sm.families.Binomial())
        fit = model.fit(
            cov_type="cluster",
            cov_kwds={"groups": np.tile(np.arange(reviews), runs), "use_correction": False},
        )
        expected = np.concatenate([found.intercepts, found.slopes])
        np.testing.assert_allclose(fit.params, expected, atol=1e-6)
        np.testing.assert_allclose(fit.cov_params(), found.covariance, atol=1e-6)

    def test_readings_of_one_review_are_one_cluster(self) -> None:
        """As statsmodels has it, and wider than if every reading were of a review of its own."""
        correct, _ = draw(1, 300)
        reviews = np.repeat(np.arange(100), 3)
        right = np.repeat(correct[:, ::3], 3, axis=1) ^ (np.random.default_rng(0).random(300) < 0.1)
        doublings = np.tile([0.0, 1.0, 2.0], 100)
        found = fit_by_doubling(right, doublings, reviews)
        model = sm.GLM(right[0].astype(float), sm.add_constant(doublings), sm.families.Binomial())
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": reviews, "use_correction": False})
        np.testing.assert_allclose(fit.cov_params(), found.covariance, atol=1e-6)
        alone = fit_by_doubling(right, doublings)
        in_the_middle = found.accuracy_at(1.0).covariance, alone.accuracy_at(1.0).covariance
        assert in_the_middle[0] > 1.5 * in_the_middle[1]

    def test_places_along_the_slope(self) -> None:
        correct, doublings = draw(6, 4000)
        found = fit_by_doubling(correct, doublings)
        near = np.abs(doublings - 1) < 0.15
        np.testing.assert_allclose(
            found.accuracy_at(1.0).values, correct[:, near].mean(axis=1), atol=0.05
        )
        np.testing.assert_allclose(
            found.change(-1.0, 1.0).values,
            found.accuracy_at(1.0).values - found.accuracy_at(-1.0).values,
        )

    def test_the_delta_method_is_that_of_resampling(self) -> None:
        correct, doublings = draw(2, 1500)
        found = fit_by_doubling(correct, doublings).change(-1.0, 1.0)
        rng = np.random.default_rng(0)
        drawn = []
        for _ in range(150):
            chosen = rng.integers(0, 1500, 1500)
            again = fit_by_doubling(correct[:, chosen], doublings[chosen])
            drawn.append(again.change(-1.0, 1.0).values)
        np.testing.assert_allclose(
            np.sqrt(np.diag(found.covariance)), np.std(drawn, axis=0), rtol=0.25
        )

    def test_what_cannot_be_fitted_is_unknown(self) -> None:
        correct, doublings = draw(3, 300)
        correct[0] = True
        correct[1] = doublings > 0
        found = fit_by_doubling(correct, doublings)
        assert np.isnan(found.slopes[:2]).all()
        assert np.isfinite(found.slopes[2])
        alike = fit_by_doubling(correct, np.zeros(300))
        assert np.isnan(alike.slopes).all()

    def test_a_run_that_is_right_everywhere_leaves_the_others_known(self) -> None:
        correct, doublings = draw(4, 300)
        alone = fit_by_doubling(correct[1:], doublings)
        correct[0] = True
        beside = fit_by_doubling(correct, doublings)
        for one, other in (
            (alone.accuracy_at(1.0), beside.accuracy_at(1.0)),
            (alone.change(-1.0, 1.0), beside.change(-1.0, 1.0)),
        ):
            np.testing.assert_allclose(other.covariance[1:, 1:], one.covariance)
            terms = [(1.0, [2, 3]), (-1.0, [1])]
            assert np.isfinite(statistics.contrast(other, terms).p_value)
            assert np.isnan(statistics.contrast(other, [(1.0, [0])]).p_value)


class TestPromises:
    """Small versions of `simulate_intervals`; the bounds are four standard errors wide."""

    def test_intervals_hold_the_truth(self) -> None:
        world = World("three seeds", (2.0, 1.6), 3, 500, 0.12, slopes=(-0.1, -0.3))
        shares = simulate(world, 150, np.random.default_rng(1))
        for claim in ("accuracy", "difference", "slope", "difference of slopes"):
            assert 0.90 <= shares[claim] <= 0.995, (claim, shares[claim])

    def test_where_nothing_differs_little_is_called_better(self) -> None:
        world = World("alike", (2.0,) * 5, 3, 1000, 0.5)
        shares = simulate(world, 150, np.random.default_rng(2), slopes=False)
        assert shares["no false better"] >= 0.90
        # The same simulation catches a test that forgets the seeds.
        assert shares["(McNemar alone)"] < 0.90
