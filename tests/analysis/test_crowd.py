"""Many runs and many architectures: compact tables change no number, and a page shows a few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from factories.memory import make_probed
from factories.tracked import ARCHITECTURES, make_crowd

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.crowd import MOST_SHOWN, choose_shown
from pipeline.analysis.tracked import TrackedRuns


def _frames(found: Any, name: str = "") -> Iterator[tuple[str, pd.DataFrame]]:
    if isinstance(found, pd.DataFrame):
        yield name, found
    elif is_dataclass(found):
        for entry in fields(found):
            yield from _frames(getattr(found, entry.name), f"{name}.{entry.name}")
    elif isinstance(found, Mapping):
        for key, value in found.items():
            yield from _frames(value, f"{name}.{key}")


def _as_categories(table: pd.DataFrame) -> pd.DataFrame:
    """As tables are loaded: texts as categories, here in an order of no meaning."""
    texts = [str(name) for name in table if table[name].map(lambda one: isinstance(one, str)).all()]
    orders = {name: table[name].drop_duplicates().sample(frac=1, random_state=1) for name in texts}
    return table.assign(**{n: pd.Categorical(table[n], categories=orders[n]) for n in texts})


def _compare(tracked: TrackedRuns) -> Comparison:
    return compare(tracked, np.random.default_rng(0), replicates=50)


def test_categories_and_the_order_of_rows_change_no_number() -> None:
    tracked = make_probed()
    compact = replace(
        tracked,
        predictions=_as_categories(tracked.predictions.sample(frac=1, random_state=2)),
        probes={name: _as_categories(table) for name, table in tracked.probes.items()},
    )
    expected, found = dict(_frames(_compare(tracked))), dict(_frames(_compare(compact)))
    assert set(expected) == set(found) >= {".memory.quiz", ".fading.lesson", ".by_length.pairwise"}
    for name, frame in expected.items():
        pair = [found[name], frame]
        if name == ".parting.answers":  # as they come
            keys = ["review_id", "architecture"]
            pair = [one.sort_values(keys, ignore_index=True) for one in pair]
        pd.testing.assert_frame_equal(*pair, check_dtype=False, obj=name)


@pytest.fixture(scope="module")
def crowd() -> Comparison:
    return _compare(make_crowd(3))


def test_of_many_architectures_the_best_of_each_kind_on_validation_are_shown(
    crowd: Comparison,
) -> None:
    runs = crowd.runs[crowd.runs.compared]
    assert len(crowd.shown) == MOST_SHOWN < runs.architecture.nunique() == 27
    shown = runs[runs.architecture.isin(crowd.shown)].drop_duplicates("architecture")
    kinds = shown.groupby(["cell", "num_layers", "bidirectional"])
    assert len(kinds) == len(ARCHITECTURES)
    # Of each kind that with the most dropout, and of three kinds the next.
    assert set(kinds.size()) == {1, 2}
    assert all(0.2 in set(group.dropout.round(1)) for _, group in kinds)
    assert set(shown.dropout.round(1)) == {0.1, 0.2}


def test_the_accuracy_on_test_does_not_choose_what_is_shown(crowd: Comparison) -> None:
    runs = crowd.runs[crowd.runs.compared]
    assert choose_shown(runs) == choose_shown(runs.assign(test_accuracy=1 - runs.test_accuracy))


def test_within_groups_those_shown_are_paired_and_over_all_reviews_all(crowd: Comparison) -> None:
    everybody = 27 * 26 // 2
    among_shown = MOST_SHOWN * (MOST_SHOWN - 1) // 2
    assert len(crowd.pairwise) == everybody
    assert crowd.by_length is not None
    assert set(crowd.by_length.pairwise.groupby("low").size()) == {among_shown}
    assert len(crowd.by_length.trends.gaps) == among_shown
    assert len(crowd.by_length.trends.slopes) == 27


def test_limited_results_name_nobody_else_in_any_frame(crowd: Comparison) -> None:
    names = {name for name, frame in _frames(crowd) if "architecture" in frame}
    assert names >= {".summary", ".cost", ".by_length.accuracy", ".by_length.trends.slopes"}
    for name, frame in _frames(crowd.limited_to_shown()):
        for column in {"architecture", "architecture_a", "architecture_b"} & set(frame):
            assert set(frame[column]) <= set(crowd.shown), name
    assert set(crowd.limited_to_shown().summary.architecture) == set(crowd.shown)


def test_a_few_architectures_are_shown_as_they_are() -> None:
    comparison = _compare(make_crowd(1))
    assert len(comparison.summary) == len(comparison.shown) == 9
    assert comparison.limited_to_shown() is comparison
