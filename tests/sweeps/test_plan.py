"""The plan of a sweep: which jobs, in which order, and what is refused before any of them begins."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from pipeline.errors import ConfigError
from pipeline.sweeps.plan import _check_launcher, expand_overrides


def _expand(*overrides: str) -> list[list[str]]:
    return expand_overrides(OverridesParser.create().parse_overrides(list(overrides)))


def test_there_is_a_job_for_every_combination_and_the_last_value_varies_fastest():
    assert _expand("architecture=lstm,gru", "name=x", "seed=0,1") == [
        ["architecture=lstm", "name=x", "seed=0"],
        ["architecture=lstm", "name=x", "seed=1"],
        ["architecture=gru", "name=x", "seed=0"],
        ["architecture=gru", "name=x", "seed=1"],
    ]


def test_what_is_given_last_wins_in_the_place_of_what_was_given_first():
    assert _expand("seed=0,1", "name=x", "seed=range(2,4)") == [
        ["seed=2", "name=x"],
        ["seed=3", "name=x"],
    ]


def test_choices_and_quoted_values_stay_whole():
    assert _expand(
        "train.learning_rate=choice(1e-3,0.5)", "tuned=[units]", "+data.path='a b,c'"
    ) == [
        ["train.learning_rate=0.001", "tuned=[units]", "+data.path='a b,c'"],
        ["train.learning_rate=0.5", "tuned=[units]", "+data.path='a b,c'"],
    ]


def test_a_range_without_values_is_refused():
    with pytest.raises(ConfigError, match="a list of values"):
        _expand("train.learning_rate=interval(0,1)")


def test_hydras_own_launchers_are_refused():
    own = OmegaConf.create(
        {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}
    )
    with pytest.raises(ConfigError, match="cores or slurm"):
        _check_launcher(own)
