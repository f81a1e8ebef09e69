"""The learning rate by step."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config.schema import Rates, TrainConfig
from pipeline.training.rates import LearningRates

STEPS = 200


def _rates(schedule: Rates, warmup: float | None = None) -> np.ndarray:
    config = TrainConfig(learning_rate=0.5, schedule=schedule, warmup=warmup)
    rates = LearningRates(config, STEPS)
    return rates(np.arange(STEPS)).numpy()


def test_a_constant_rate_is_the_configured_one():
    assert set(_rates(Rates.constant)) == {0.5}


@pytest.mark.parametrize("schedule", [Rates.linear, Rates.cosine, Rates.one_cycle])
@pytest.mark.parametrize("warmup", [None, 0.0, 0.1])
def test_the_rate_rises_to_the_configured_one_and_falls_to_about_zero(schedule, warmup):
    rates = _rates(schedule, warmup)
    top = int(rates.argmax())
    share = 0.3 if (warmup, schedule) == (None, Rates.one_cycle) else warmup or 0
    assert top == pytest.approx(share * STEPS, abs=2)
    assert rates[top] == pytest.approx(0.5, rel=0.02)
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top + 1 :]) < 0).all()
    assert 0 < rates[-1] < 0.005


def test_known_rates():
    assert _rates(Rates.linear)[100] == pytest.approx(0.25, rel=0.02)
    assert _rates(Rates.cosine)[50] == pytest.approx(0.5 * (1 + 0.5**0.5) / 2, rel=0.02)
    assert _rates(Rates.one_cycle)[0] == pytest.approx(0.5 / 25, rel=0.03)
    assert _rates(Rates.one_cycle)[130] == pytest.approx(0.25, rel=0.02)
    assert _rates(Rates.constant, 0.5)[50] == pytest.approx(0.25, rel=0.02)


def test_more_steps_than_planned_have_no_negative_rate():
    rates = LearningRates(TrainConfig(schedule=Rates.linear), 10)
    assert float(rates(50)) == 0
