"""What a sweep asks follows from what it varies, and its answers hold in simulated sweeps."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from factories.tracked import ARCHITECTURES, make_tracked
from scipy import stats

from pipeline.analysis import statistics
from pipeline.analysis.comparison import compare
from pipeline.analysis.contrasts import (
    Contrast,
    as_configured,
    as_json,
    derive_contrasts,
    from_json,
    name_variants,
)
from pipeline.analysis.frames import rows_of
from pipeline.analysis.variances import decompose
from pipeline.analysis.verdicts import CONTRAST_COLUMNS, NO, OPEN, YES, Quantity, decide_contrasts
from pipeline.errors import ConfigError
from pipeline.report.prose.contrasts import (
    answers_of_contrasts,
    describe_contrasts,
    headline_of_contrasts,
)
from tests.analysis.simulate_contrasts import WORLDS, simulate


def variants(**columns: Any) -> pd.DataFrame:
    """A variant for each architecture of the presets, or for those whose columns are given."""
    names = columns.pop("names", list(ARCHITECTURES))
    rows = [
        {
            "architecture": name,
            "cell": ARCHITECTURES[name][0],
            "num_layers": ARCHITECTURES[name][1],
            "bidirectional": ARCHITECTURES[name][2],
            "units": 64,
        }
        for name in names
    ]
    return pd.DataFrame(rows).assign(**columns)


def strata(contrasts: tuple[Contrast, ...]) -> dict[str, set[tuple]]:
    return {one.name: {tuple(map(frozenset, pair)) for pair in one.strata} for one in contrasts}


def sides(*pairs: tuple[str, str]) -> set[tuple]:
    return {(frozenset(first.split()), frozenset(second.split())) for first, second in pairs}


def test_nine_architectures_ask_four_questions_over_matched_ones() -> None:
    asked = strata(derive_contrasts(variants(), {}))
    assert asked == {
        "gated_vs_simple": sides(
            ("lstm gru", "simple_rnn"),
            ("bi_lstm bi_gru", "bi_simple_rnn"),
            ("stacked_lstm", "stacked_simple_rnn"),
        ),
        "lstm_vs_gru": sides(("lstm", "gru"), ("bi_lstm", "bi_gru")),
        "two_directions_vs_one": sides(
            ("bi_simple_rnn", "simple_rnn"),
            ("bi_lstm", "lstm"),
            ("bi_gru", "gru"),
            ("stacked_bi_lstm", "stacked_lstm"),
        ),
        "stacked_vs_one_layer": sides(
            ("stacked_simple_rnn", "simple_rnn"),
            ("stacked_lstm", "lstm"),
            ("stacked_bi_lstm", "bi_lstm"),
        ),
    }


def test_a_swept_setting_is_asked_about_within_each_architecture() -> None:
    runs = pd.concat(
        [variants(names=["lstm", "gru"], readout=one) for one in ("last", "mean", "max")],
        ignore_index=True,
    )
    runs["architecture"] = name_variants(runs)
    asked = strata(derive_contrasts(runs, {}))
    assert asked["readout_mean_vs_last"] == sides() | {
        (frozenset([f"{name}, readout mean"]), frozenset([f"{name}, readout last"]))
        for name in ("lstm", "gru")
    }
    assert set(asked) == {"lstm_vs_gru", "readout_mean_vs_last", "readout_max_vs_last"}
    assert len(asked["lstm_vs_gru"]) == 3


def test_a_forget_bias_other_than_keras_s_is_not_held_against_another_cell() -> None:
    lstms = pd.concat([variants(names=["lstm"], forget_bias=one) for one in ("unit", "chrono")])
    runs = pd.concat([lstms, variants(names=["simple_rnn"], forget_bias=None)], ignore_index=True)
    runs["architecture"] = name_variants(runs)
    asked = strata(derive_contrasts(runs, {}))
    assert asked["gated_vs_simple"] == {
        (frozenset(["lstm, forget_bias unit"]), frozenset(["simple_rnn"]))
    }
    assert "forget_bias_chrono_vs_unit" in asked


def test_units_that_follow_from_a_number_of_weights_are_the_same_in_all_else() -> None:
    runs = variants(recurrent_parameters=33_000)
    runs["units"] = range(30, 30 + len(runs))
    assert set(strata(derive_contrasts(runs, {}))) == {
        "gated_vs_simple",
        "lstm_vs_gru",
        "two_directions_vs_one",
        "stacked_vs_one_layer",
    }


def test_two_budgets_of_weights_are_asked_about_and_never_mixed() -> None:
    runs = pd.concat(
        [
            variants(names=["lstm", "gru"], recurrent_parameters=budget, units=units)
            for budget, units in ((10_000, 30), (20_000, 50))
        ],
        ignore_index=True,
    ).iloc[:3]  # without the larger gru
    runs["units"] = [30, 35, 50]
    runs["architecture"] = name_variants(runs)
    asked = strata(derive_contrasts(runs, {}))
    assert set(asked) == {"lstm_vs_gru", "recurrent_parameters_20000_vs_10000"}
    assert asked["lstm_vs_gru"] == {(frozenset(["lstm, units 30"]), frozenset(["gru"]))}


def test_null_is_a_value_that_may_be_swept() -> None:
    runs = pd.concat(
        [variants(names=["lstm", "gru"], max_seconds=one) for one in (None, 60.0)],
        ignore_index=True,
    )
    runs["architecture"] = name_variants(runs)
    asked = strata(derive_contrasts(runs.iloc[:3], {}))
    assert set(asked) == {"lstm_vs_gru", "max_seconds_60.0_vs_null"}
    assert len(asked["lstm_vs_gru"]) == 1


def test_the_steps_of_chrono_follow_from_the_length_that_is_read() -> None:
    runs = pd.concat(
        [
            variants(
                names=["lstm"],
                max_length=length,
                forget_bias=bias,
                chrono_steps=length if bias == "chrono" else None,
            )
            for length in (100, 400)
            for bias in ("unit", "chrono")
        ],
        ignore_index=True,
    )
    runs["architecture"] = name_variants(runs)
    asked = strata(derive_contrasts(runs, {}))
    assert {name: len(pairs) for name, pairs in asked.items()} == {
        "max_length_400_vs_100": 2,
        "forget_bias_chrono_vs_unit": 2,
    }


def test_a_person_s_weight_is_shared_among_the_variants_of_an_architecture() -> None:
    runs = pd.concat(
        [variants(names=["lstm", "gru"], units=one) for one in (8, 16)], ignore_index=True
    )
    runs["base"] = runs.architecture
    runs["architecture"] = name_variants(runs)
    (*_, mine) = derive_contrasts(runs, {"mine": {"lstm": 1, "gru": -1}})
    assert dict(mine.weights) == {
        "lstm, units 8": 0.5,
        "lstm, units 16": 0.5,
        "gru, units 8": -0.5,
        "gru, units 16": -0.5,
    }
    with pytest.raises(ConfigError, match=r"contrasts\.lstm_vs_gru has the name"):
        derive_contrasts(runs, {"lstm_vs_gru": {"lstm": 1, "gru": -1}})


def test_the_lead_of_the_second_grows_where_the_first_loses_more() -> None:
    comparison = compare(
        make_tracked(("lstm", "simple_rnn")), np.random.default_rng(0), replicates=100
    )
    contrasts = comparison.contrasts
    assert contrasts is not None
    table = contrasts.table
    turned = table.assign(estimate=-table.estimate, ci_low=-table.ci_high, ci_high=-table.ci_low)
    text = headline_of_contrasts(replace(comparison, contrasts=replace(contrasts, table=turned)))
    assert text.startswith("Simple cells score ")
    assert "Their lead grows by" in text


@pytest.mark.parametrize(
    ("seeds", "minutes", "said"),
    [
        (
            np.nan,
            np.nan,
            "To find a difference of 1 point would take over 200 seeds, or more test texts.",
        ),
        (3.0, 0.0, "Four in five sweeps of this size would find a difference of 1 point."),
        (
            5.0,
            7.2,
            "5 seeds of each in all would find a difference of 1 point with 80% chance, in 8 "
            "minutes more:",
        ),
        (
            5.0,
            np.nan,
            "80% chance: python -m experiments.compare experiment=imdb seed=0,1,2,3,4",
        ),
    ],
)
def test_what_is_not_decided_comes_with_a_plan(seeds: float, minutes: float, said: str) -> None:
    comparison = compare(make_tracked(reviews=300), np.random.default_rng(0), replicates=50)
    contrasts = comparison.contrasts
    assert contrasts is not None
    table = contrasts.table.assign(verdict=OPEN, seeds_to_decide=seeds, minutes_to_decide=minutes)
    undecided = replace(comparison, contrasts=replace(contrasts, table=table))
    text = headline_of_contrasts(undecided)
    assert text.startswith("Whether gated cells beat simple cells is not decided")
    card = answers_of_contrasts(undecided)[0]
    assert said in f"{card.reason} {card.command}"


def test_no_difference_is_said_only_where_the_interval_lies_within_the_margin() -> None:
    rng = np.random.default_rng(4)
    verdicts = set()
    for _ in range(300):
        values = np.concatenate([rng.normal(0.866, 0.004, 4), rng.normal(0.864, 0.004, 4)])
        (row,) = rows_of(decide_contrasts(A_OR_B, [quantity(values)], {}, True))
        verdicts.add(row.verdict)
        assert (row.verdict == NO) == (row.ci_low > -0.01 and row.ci_high < 0.01)
    assert {NO, OPEN} <= verdicts


def test_units_of_runs_that_were_not_declared_are_told_from_those_that_follow() -> None:
    runs = variants(names=["lstm", "gru"])
    solved = runs.assign(units=[30, 35], recurrent_parameters=[10_000, 10_100])
    assert set(strata(derive_contrasts(as_configured(solved), {}))) == {"lstm_vs_gru"}
    sized = pd.concat(
        [runs.assign(units=one, recurrent_parameters=one * 300) for one in (8, 16)],
        ignore_index=True,
    )
    sized["architecture"] = name_variants(sized)
    asked = strata(derive_contrasts(as_configured(sized), {}))
    assert set(asked) == {"lstm_vs_gru", "units_16_vs_8"}
    assert len(asked["lstm_vs_gru"]) == 2


def test_times_that_are_not_known_leave_the_rest_answered() -> None:
    tracked = make_tracked(reviews=300)
    runs = tracked.runs.assign(train_seconds=pd.array([None] * len(tracked.runs), dtype="Float64"))
    comparison = compare(replace(tracked, runs=runs), np.random.default_rng(0), replicates=50)
    assert comparison.contrasts is not None
    assert "log_train_seconds" not in set(comparison.contrasts.table.quantity)
    assert headline_of_contrasts(comparison)


def test_nothing_is_asked_where_nothing_is_matched() -> None:
    assert derive_contrasts(variants(names=["bi_lstm", "simple_rnn"]), {}) == ()
    assert derive_contrasts(variants(names=["lstm"]), {}) == ()


def test_declared_contrasts_are_read_as_they_were_written() -> None:
    asked = derive_contrasts(variants(), {"mine": {"lstm": 2.0, "gru": 2.0, "simple_rnn": -4.0}})
    assert asked[-1].weights == (("lstm", 0.5), ("gru", 0.5), ("simple_rnn", -1.0))
    assert from_json(json.loads(json.dumps(as_json(asked)))) == asked


def rows_of_two(*names: str) -> dict[str, np.ndarray]:
    return {name: np.array([2 * place, 2 * place + 1]) for place, name in enumerate(names)}


def test_a_sweep_with_holes_stays_balanced() -> None:
    asked = {
        one.name: one for one in derive_contrasts(variants(), {"mine": {"lstm": 1, "gru": -1}})
    }
    names = [name for name in ARCHITECTURES if name not in ("gru", "stacked_simple_rnn")]
    terms = asked["gated_vs_simple"].terms(rows_of_two(*names))
    weights = {int(rows[0]) // 2: weight for weight, rows in terms}
    found = {names[place]: weight for place, weight in weights.items()}
    assert found == {
        "lstm": 0.5,
        "simple_rnn": -0.5,
        "bi_lstm": 0.25,
        "bi_gru": 0.25,
        "bi_simple_rnn": -0.5,
    }
    assert asked["mine"].terms(rows_of_two(*names)) == []
    assert asked["lstm_vs_gru"].terms(rows_of_two("lstm", "bi_gru")) == []


def quantity(values: np.ndarray, margin: float | None = 0.01) -> Quantity:
    """Runs of equal numbers for two variants, with nothing uncertain about the reviews."""
    half = len(values) // 2
    rows = {"a": np.arange(half), "b": np.arange(half, len(values))}
    none = np.zeros((len(values), len(values)))
    return Quantity("accuracy", statistics.RunEstimates(values, none), rows, margin)


A_OR_B = (Contrast("a_vs_b", "a", "b", ((("a",), ("b",)),)),)


def test_where_reviews_add_nothing_the_p_value_is_welch_s() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.87, 0.004, 4), rng.normal(0.86, 0.012, 4)
    table = decide_contrasts(A_OR_B, [quantity(np.concatenate([a, b]))], {}, True)
    assert list(table) == list(CONTRAST_COLUMNS)
    expected: Any = stats.ttest_ind(a, b, equal_var=False)
    assert table.p_value[0] == pytest.approx(expected.pvalue, rel=1e-6)
    ends = expected.confidence_interval()
    assert table.ci_low[0] == pytest.approx(ends.low)
    assert table.ci_high[0] == pytest.approx(ends.high)


@pytest.mark.parametrize(
    ("gap", "sd", "verdict"),
    [
        (0.02, 0.002, YES),
        (-0.02, 0.002, YES),
        (0.001, 0.002, NO),
        (0.001, 0.02, OPEN),
        (0.005, 0.0001, NO),
    ],
)
def test_a_verdict_is_a_difference_no_difference_or_not_decided(gap, sd, verdict) -> None:
    wave = sd * np.array([-1.0, 1.0, -1.0, 1.0, 0.0])
    table = decide_contrasts(
        A_OR_B, [quantity(np.concatenate([0.86 + gap + wave, 0.86 + wave]))], {}, True
    )
    assert table.verdict[0] == verdict
    assert np.isnan(table.seeds_to_decide[0]) == (verdict != OPEN)


def test_equivalence_is_two_one_sided_tests() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(0.87, 0.004, 6), rng.normal(0.869, 0.004, 6)
    gap = statistics.contrast(
        quantity(np.concatenate([a, b])).estimates, [(1, range(6)), (-1, range(6, 12))]
    )
    test: Any = stats.ttest_ind
    lower = test(a + 0.01, b, equal_var=False, alternative="greater").pvalue
    upper = test(a - 0.01, b, equal_var=False, alternative="less").pvalue
    assert gap.beyond(-0.01) == pytest.approx(lower, rel=1e-6)
    assert gap.below(0.01) == pytest.approx(upper, rel=1e-6)


def test_the_planned_seeds_find_a_difference_of_the_margin_in_four_of_five_sweeps() -> None:
    rng = np.random.default_rng(1)
    wave = 0.006 * np.array([-1.0, 0.0, 1.0])  # a standard deviation of 0.006
    table = decide_contrasts(
        A_OR_B, [quantity(np.concatenate([wave, wave]))], {"a": 2.0, "b": 3.0}, True
    )
    seeds = int(table.seeds_to_decide[0])
    assert table.minutes_to_decide[0] == (seeds - 3) * 5.0
    found, test = [], cast(Any, stats.ttest_ind)
    for _ in range(2_000):
        a, b = rng.normal(0.01, 0.006, seeds), rng.normal(0, 0.006, seeds)
        found.append(test(a, b, equal_var=False).pvalue < 0.05)
    assert 0.75 < np.mean(found) < 0.9


def test_a_plan_of_as_many_seeds_is_the_sweep_itself() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0.87, 0.004, 4), rng.normal(0.86, 0.012, 4)])
    estimates = quantity(values).estimates
    parts = decompose(estimates, [(1.0, range(4)), (-1.0, range(4, 8))])
    again = parts.with_seeds(4)
    assert again.from_seeds == pytest.approx(parts.from_seeds)
    assert again.freedom == pytest.approx(parts.freedom)
    assert parts.with_seeds(16).from_seeds == pytest.approx(parts.from_seeds / 4)


def test_a_large_difference_takes_two_seeds_and_a_tiny_one_more_than_there_may_be() -> None:
    values = 0.004 * np.tile([-1.0, 0.0, 1.0], 2)
    gap = statistics.contrast(quantity(values).estimates, [(1.0, range(3)), (-1.0, range(3, 6))])
    assert gap.seeds_to_detect(0.5, 1, 200) == 2
    assert gap.seeds_to_detect(1e-5, 1, 200) is None


def test_one_seed_decides_nothing() -> None:
    table = decide_contrasts(A_OR_B, [quantity(np.array([0.9, 0.8]))], {}, True)
    assert table.verdict[0] == OPEN
    assert np.isnan([table.p_value[0], table.seeds_to_decide[0]]).all()


def test_the_headline_answers_the_first_question_and_the_others_have_their_own() -> None:
    comparison = compare(
        make_tracked(tuple(ARCHITECTURES)), np.random.default_rng(0), replicates=100
    )
    assert comparison.contrasts is not None
    assert not comparison.contrasts.declared
    text = headline_of_contrasts(comparison)
    assert text.startswith("Gates are worth 16.")
    assert "Their lead grows by" in text
    topics = [one.topic for one in answers_of_contrasts(comparison)]
    assert topics == [
        "LSTMs or GRUs?",
        "Bidirectional or one-directional?",
        "Stacked or one-layer?",
    ]


def test_an_interval_is_that_of_the_side_that_leads() -> None:
    comparison = compare(
        make_tracked(("lstm", "gru"), reviews=6_000), np.random.default_rng(0), replicates=100
    )
    contrasts = comparison.contrasts
    assert contrasts is not None
    swapped = contrasts.table.assign(
        estimate=-contrasts.table.estimate.abs(), ci_low=-0.011, ci_high=-0.002, verdict=YES
    )
    one_more = Contrast("other", "c", "d", ((("lstm",), ("gru",)),))
    table = pd.concat([swapped, swapped.assign(contrast="other")], ignore_index=True)
    asked = replace(contrasts, asked=(*contrasts.asked, one_more), table=table)
    (card,) = answers_of_contrasts(replace(comparison, contrasts=asked))
    assert card.conclusion == "D"
    assert " points in favour of d (0.2 to 1.1)." in card.reason


def test_what_was_declared_is_answered_by_the_names_of_the_plan() -> None:
    tracked = make_tracked()
    asked = derive_contrasts(tracked.runs, {"mine": {"lstm": 1, "simple_rnn": -1}})
    runs = tracked.runs.assign(variant=tracked.runs.architecture)
    sweep = replace(tracked.sweep, contrasts=asked, margin=0.005)
    comparison = compare(
        replace(tracked, runs=runs, sweep=sweep), np.random.default_rng(0), replicates=100
    )
    assert comparison.contrasts is not None
    assert comparison.contrasts.declared
    assert comparison.contrasts.table.declared.all()
    assert comparison.contrasts.margin == 0.005
    table = comparison.contrasts.table.set_index(["contrast", "quantity"])
    accuracy = comparison.summary.set_index("architecture").accuracy
    expected = accuracy["lstm"] - accuracy["simple_rnn"]
    assert table.estimate["mine", "accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize(
    "name", ["two points, three seeds", "two points, until known to 0.7 points"]
)
def test_simulated_sweeps_are_covered_and_decided(name: str) -> None:
    """A few of the sweeps of `simulate_contrasts.txt`, which has hundreds of each world."""
    (world,) = (one for one in WORLDS if one.name == name)
    shares = simulate(world, 25, np.random.default_rng(0))
    assert shares["covered"] > 0.88
    assert shares["power"] > 0.85
    assert shares["false no"] == 0


def test_a_variant_with_one_seed_left_is_left_out_where_others_are() -> None:
    asked = {
        one.name: one for one in derive_contrasts(variants(), {"mine": {"lstm": 1, "gru": -1}})
    }
    members = rows_of_two(*ARCHITECTURES)
    members["bi_lstm"] = members["bi_lstm"][:1]
    gated = asked["gated_vs_simple"]
    used = {int(rows[0]): weight for weight, rows in gated.terms(members)}
    assert int(members["bi_lstm"][0]) not in used
    assert used[int(members["bi_gru"][0])] == pytest.approx(1 / 3)
    assert sum(used.values()) == pytest.approx(0)
    assert gated.left_out(members) == ["bi_lstm"]
    assert len(asked["lstm_vs_gru"].terms(members)) == 2
    # What a person asked for stays as it was asked, and one seed each is all there is.
    members["lstm"] = members["lstm"][:1]
    assert [len(rows) for _, rows in asked["mine"].terms(members)] == [1, 2]
    assert asked["mine"].left_out(members) == []
    single = {name: rows[:1] for name, rows in members.items()}
    assert len(gated.terms(single)) == 8
    assert gated.left_out(single) == []


def test_a_sweep_with_one_seed_left_somewhere_is_decided_and_says_so() -> None:
    tracked = make_tracked(tuple(ARCHITECTURES), reviews=2_000)
    names = tracked.runs.architecture
    runs = tracked.runs[(names != "bi_gru") | (tracked.runs.seed == 0)]
    comparison = compare(replace(tracked, runs=runs), np.random.default_rng(0), replicates=100)
    found = comparison.contrasts
    assert found is not None
    assert found.single == ("bi_gru",)
    table = found.table.set_index(["contrast", "quantity"])
    assert table.verdict["gated_vs_simple", "accuracy"] == YES
    assert "bi_gru is left out, as one seed decides nothing." in describe_contrasts(comparison)


def test_groups_that_a_person_chose_are_not_called_alike_in_all_else() -> None:
    tracked = make_tracked(reviews=300)
    asked = derive_contrasts(as_configured(tracked.runs), {"mine": {"lstm": 1, "simple_rnn": -1}})
    assert len(asked) == 3
    runs = tracked.runs.assign(variant=tracked.runs.architecture)

    def describe(**facts: Any) -> str:
        sweep = replace(tracked.sweep, **facts)
        sweep_of = replace(tracked, runs=runs, sweep=sweep)
        return describe_contrasts(compare(sweep_of, np.random.default_rng(0), replicates=50))

    text = describe(contrasts=asked)
    assert "The groups of lstm against simple_rnn were chosen by hand" in text
    assert "declared before the first run." in text
    assert "chosen by hand" not in describe(contrasts=asked[:-1])
    text = describe(contrasts=asked, known_before=3)
    assert "3 of the 9 runs began before the questions were declared" in text


def test_what_was_known_before_is_not_declared() -> None:
    tracked = make_tracked(reviews=300)
    runs = tracked.runs.assign(variant=tracked.runs.architecture)
    sweep = replace(
        tracked.sweep, contrasts=derive_contrasts(as_configured(tracked.runs), {}), known_before=1
    )
    found = compare(
        replace(tracked, runs=runs, sweep=sweep), np.random.default_rng(0), replicates=50
    ).contrasts
    assert found is not None
    assert not found.declared
    assert not found.table.declared.any()


def test_half_lives_beyond_what_was_measured_are_compared_up_to_there() -> None:
    values = np.log([30.0, 40.0, 50.0, 800.0, 800.0, 700.0])
    known = Quantity(
        "log_half_life",
        statistics.RunEstimates(values, np.zeros((6, 6))),
        {"a": np.arange(3), "b": np.arange(3, 6)},
        longest=float(np.log(800)),
    )
    (row,) = rows_of(decide_contrasts(A_OR_B, [known], {}, True))
    assert row.estimate == pytest.approx(values[:3].mean() - values[3:].mean())
    assert row.verdict == YES
    beyond = replace(known, rows={"a": np.arange(3, 5), "b": np.arange(3, 5)})
    assert decide_contrasts(A_OR_B, [beyond], {}, True).empty
    values[0] = np.nan
    assert decide_contrasts(A_OR_B, [known], {}, True).empty
