"""Language models with known losses: perplexities, contrasts, and the baseline beside them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from factories.language_sweep import (
    ARCHITECTURES,
    make_language_runs,
    make_tuned_language,
    without_results,
)

from pipeline.analysis.frames import rows_of
from pipeline.analysis.language import LanguageComparison, LanguageRuns, compare_language
from pipeline.analysis.statistics import resample_ratios
from pipeline.analysis.verdicts import NO, OPEN, YES
from pipeline.errors import ReportError


def _compare(tracked: LanguageRuns) -> LanguageComparison:
    return compare_language(tracked, np.random.default_rng(0), replicates=300)


@pytest.fixture(scope="module")
def found() -> LanguageComparison:
    return _compare(make_language_runs())


def _row(found: LanguageComparison, name: str, quantity: str = "log_perplexity") -> Any:
    assert found.contrasts is not None
    table = found.contrasts.table
    return next(rows_of(table[(table.contrast == name) & (table.quantity == quantity)]))


def test_a_perplexity_is_the_exponential_of_the_mean_loss(found: LanguageComparison) -> None:
    assert list(found.summary.architecture) == ["lstm", "gru", "simple_rnn"]
    for row in rows_of(found.summary):
        assert row.perplexity == pytest.approx(math.exp(ARCHITECTURES[row.architecture][3]))
        assert row.ci_low < row.perplexity < row.ci_high
        assert row.runs == row.planned == 3
    assert found.unit == "token"


def test_bits_per_character_are_of_all_texts_together() -> None:
    tracked = make_language_runs(("lstm",), seeds=1)
    row = next(rows_of(_compare(tracked).summary))
    losses = tracked.losses
    bits = losses.nats.sum() / math.log(2) / losses.characters.sum()
    assert row.bits == pytest.approx(bits)
    assert row.bits_low < bits < row.bits_high
    assert row.unknown == pytest.approx(losses.unknown.sum() / losses.tokens.sum())


def test_a_contrast_is_the_logarithm_of_a_ratio_of_perplexities(found: LanguageComparison) -> None:
    gates = _row(found, "gated_vs_simple")
    assert gates.estimate == pytest.approx((4.80 + 4.81) / 2 - 5.00)
    assert gates.ci_low < -0.195 < gates.ci_high < 0
    assert gates.verdict == YES
    assert _row(found, "lstm_vs_gru").estimate == pytest.approx(-0.01)


def test_equal_networks_differ_by_less_than_a_percent() -> None:
    tracked = make_language_runs(("lstm", "gru"), seeds=5)
    losses = tracked.losses
    gru = losses.run_id.isin(tracked.runs.run_id[tracked.runs.architecture == "gru"])
    same = losses.assign(nats=losses.nats - 0.01 * losses.tokens * gru)
    row = _row(_compare(replace(tracked, losses=same)), "lstm_vs_gru")
    assert row.verdict == NO
    assert max(-row.ci_low, row.ci_high) < math.log(1.01)


def test_one_seed_has_intervals_over_texts_and_decides_nothing() -> None:
    found = _compare(make_language_runs(seeds=1))
    assert not found.summary.seeds_counted.any()
    assert (found.summary.ci_low < found.summary.ci_high).all()
    row = _row(found, "gated_vs_simple")
    assert row.verdict == OPEN
    assert math.isnan(row.p_value)
    assert row.ci_high < 0
    assert found.summary.tier.isna().all()


def test_pairs_are_better_where_their_perplexity_is_lower(found: LanguageComparison) -> None:
    pairs = {(row.architecture_a, row.architecture_b): row for row in rows_of(found.pairwise)}
    pair = pairs["lstm", "simple_rnn"]
    assert pair.verdict == "better"
    assert pair.ratio == pytest.approx(math.exp(-0.20))
    assert pair.ci_low < pair.ratio < pair.ci_high < 1
    assert found.summary.set_index("architecture").tier["simple_rnn"] > 1


def test_the_baseline_is_compared_text_by_text(found: LanguageComparison) -> None:
    assert found.baseline is not None
    assert found.baseline.name == "kneser_ney"
    assert found.baseline.score.perplexity.iloc[0] == pytest.approx(math.exp(5.05))
    leads = found.baseline.leads.set_index("architecture")
    assert leads.ratio["lstm"] == pytest.approx(math.exp(4.80 - 5.05))
    # Far narrower than the intervals of both, as the same texts are hard for both.
    own = found.summary.set_index("architecture")
    widths = [np.log(one.ci_high / one.ci_low)["lstm"] for one in (leads, own)]
    assert widths[0] < 0.5 * widths[1]


def test_a_baseline_on_other_texts_is_left_out_with_a_note() -> None:
    tracked = make_language_runs(seeds=2)
    baseline = tracked.runs.run_id[tracked.runs.architecture == "kneser_ney"].iloc[0]
    losses = tracked.losses
    others = losses[(losses.run_id != baseline) | (losses.review_id != "test/3")]
    found = _compare(replace(tracked, losses=others))
    assert found.baseline is None
    assert any("was tested on other texts" in note for note in found.notes)


def test_networks_on_other_texts_are_refused() -> None:
    tracked = make_language_runs(seeds=2)
    losses = tracked.losses
    last = tracked.runs.run_id[tracked.runs.architecture == "gru"].iloc[0]
    others = losses[(losses.run_id != last) | (losses.review_id != "test/3")]
    with pytest.raises(ReportError, match="were tested on different reviews"):
        _compare(replace(tracked, losses=others))


def test_other_tokenizers_are_compared_by_word() -> None:
    tracked = make_language_runs(("lstm", "gru"), seeds=2)
    losses = tracked.losses
    gru = losses.run_id.isin(tracked.runs.run_id[tracked.runs.architecture == "gru"])
    found = _compare(replace(tracked, losses=losses.assign(tokens=losses.tokens * (1 + gru))))
    assert found.unit == "word"
    assert any("different tokens" in note for note in found.notes)
    rows = losses[~gru]
    expected = math.exp(
        np.mean([one.nats.sum() / one.words.sum() for _, one in rows.groupby("run_id")])
    )
    assert found.summary.set_index("architecture").perplexity["lstm"] == pytest.approx(expected)


def test_other_vocabularies_are_noted_that_of_the_baseline_included() -> None:
    tracked = make_language_runs(("lstm", "gru", "kneser_ney"), seeds=2)
    losses = tracked.losses
    assert not any("vocabular" in note for note in _compare(tracked).notes)
    for name in ("gru", "kneser_ney"):
        own = losses.run_id.isin(tracked.runs.run_id[tracked.runs.architecture == name])
        more = losses.unknown + own * (losses.tokens // 10)
        notes = _compare(replace(tracked, losses=losses.assign(unknown=more))).notes
        said = [note for note in notes if "different vocabularies" in note]
        assert len(said) == 1
        assert f" of the test tokens for {name}. " in said[0]


def test_few_texts_are_noted() -> None:
    for texts, said in ((12, "There are only 12 test texts, too few"), (400, None)):
        notes = _compare(make_language_runs(seeds=2, texts=texts, probes=False)).notes
        assert any(note.startswith(said or "There ") for note in notes) == (said is not None)


def test_runs_that_vary_a_setting_of_the_task_are_two_variants() -> None:
    tracked = make_language_runs(("lstm",), seeds=2)
    runs = tracked.runs.assign(task_bptt=[32, 64], task_direction="forward", seed=0)
    names = set(_compare(replace(tracked, runs=runs)).summary.architecture)
    assert names == {"lstm, task_bptt 32", "lstm, task_bptt 64"}


TRIED = {"lstm": {1e-3: 5.0, 5e-3: 4.8}, "simple_rnn": {1e-3: 4.9, 5e-3: 5.3}}


def _chosen(found: LanguageComparison) -> dict[str, float]:
    compared = found.runs[found.runs.compared]
    assert (compared.groupby("architecture").learning_rate.nunique() == 1).all()
    return dict(zip(compared.architecture, compared.learning_rate, strict=True))


def test_a_tuned_rate_is_chosen_by_validation_loss_where_the_test_would_choose_otherwise() -> None:
    tracked = make_tuned_language(TRIED, probes=False)
    flattered = tracked.losses.run_id.str.endswith(("@0.001", "@0.005")) & (
        tracked.losses.run_id.isin(_ids(tracked, "lstm", 1e-3) + _ids(tracked, "simple_rnn", 5e-3))
    )
    losses = tracked.losses.assign(nats=tracked.losses.nats.where(~flattered, 1.0))
    found = _compare(replace(tracked, losses=losses))
    assert _chosen(found) == {"lstm": 5e-3, "simple_rnn": 1e-3}
    for row in rows_of(found.summary):
        assert row.perplexity == pytest.approx(math.exp(ARCHITECTURES[row.architecture][3]))
        assert row.runs == row.planned == 2
    # The n-grams have no rate: they are compared once, with no note.
    assert found.baseline is not None
    assert len(found.baseline.leads) == 2
    (note,) = found.notes
    assert "over 0.001, 0.005. Chosen: 0.005 for lstm; 0.001 for simple_rnn." in note


def _ids(tracked: LanguageRuns, name: str, rate: float) -> list[str]:
    runs = tracked.runs
    return runs.run_id[(runs.architecture == name) & (runs.learning_rate == rate)].tolist()


def test_a_rate_at_which_a_language_model_diverged_comes_after_those_at_which_none_did() -> None:
    tracked = make_tuned_language(TRIED, probes=False)
    lost = tracked.runs.run_id.isin(_ids(tracked, "lstm", 5e-3)[:1])
    assert _chosen(_compare(without_results(tracked, lost, "failed")))["lstm"] == 5e-3
    found = _compare(without_results(tracked, lost, "diverged"))
    assert _chosen(found)["lstm"] == 1e-3
    assert found.tuning is not None
    assert found.tuning.grid.diverged.tolist() == [0, 1, 0, 0]


def test_without_finished_runs_there_is_a_comparison_without_results() -> None:
    tracked = make_language_runs(("lstm", "gru"), seeds=1, probes=False, status="failed")
    found = _compare(replace(tracked, losses=tracked.losses.iloc[:0]))
    assert found.summary.empty
    assert len(found.runs) == 2
    assert found.contrasts is None


def test_nothing_tracked_is_an_error() -> None:
    tracked = make_language_runs(("kneser_ney",), probes=False)
    with pytest.raises(ReportError, match="only the n-gram baseline is tracked"):
        _compare(tracked)


def test_the_same_generator_gives_the_same_intervals() -> None:
    tracked = make_language_runs(seeds=2, probes=False)
    a, b = _compare(tracked), _compare(tracked)
    assert a.summary.equals(b.summary)


def test_a_ratio_of_sums_has_the_spread_of_the_texts() -> None:
    rng = np.random.default_rng(0)
    sizes = np.tile(rng.integers(10, 100, 2000).astype(float), (2, 1))
    per_token = 5 + rng.normal(0, 0.5, (2, 2000))
    found = resample_ratios(sizes * per_token, sizes, np.random.default_rng(1), 2000)
    assert found.values == pytest.approx((sizes * per_token).sum(1) / sizes.sum(1))
    # By the delta method; both runs have their own texts' chance.
    expected = 0.5**2 * (sizes[0] ** 2).sum() / sizes[0].sum() ** 2
    assert np.diag(found.covariance) == pytest.approx([expected] * 2, rel=0.15)
    assert abs(found.covariance[0, 1]) < 0.15 * expected
