"""Which runs `explain` takes where nobody names them."""

from __future__ import annotations

import pytest
from factories import small_run

from pipeline.runs.request import ExplainRequest, choose_runs
from pipeline.tracking import Store, track_run

ASKED = ExplainRequest(text="a", file=None, runs=None, architectures=None, seeds=None, page=None)


def _track(root, rate: float, seed: int, accuracy: float) -> None:
    config = small_run(root, tuned=["learning_rate"], train__learning_rate=rate, seed=seed)
    with track_run(Store.of(config), config, None) as recorder:
        recorder.metrics({"best/val_accuracy": accuracy})


@pytest.mark.parametrize(
    ("runs", "chosen"),
    [  # the chosen value first, so that it is never the one that started last
        ([(1e-3, 0, 0.9), (3e-4, 0, 0.7), (3e-3, 0, 0.8)], 1e-3),
        ([(3e-3, 0, 0.8), (3e-3, 1, 0.8), (1e-3, 0, 0.9), (1e-3, 1, 0.6)], 3e-3),  # by the mean
        ([(3e-3, 0, 0.8), (3e-3, 1, 0.8), (1e-3, 0, 0.9)], 3e-3),  # a seed did not finish
        ([(1e-3, 0, 0.8), (3e-3, 0, 0.8)], 1e-3),
    ],
)
def test_of_a_tuned_architecture_the_value_chosen_on_validation_is_read(tmp_path, runs, chosen):
    for rate, seed, accuracy in runs:
        _track(tmp_path, rate, seed, accuracy)
    (run,) = choose_runs(small_run(tmp_path), ASKED)
    assert run.config.train.learning_rate == chosen
