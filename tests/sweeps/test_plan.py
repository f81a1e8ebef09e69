"""The plan of a sweep: which jobs, in which order, and what is refused before any of them begins."""

from __future__ import annotations

import re

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, open_dict

from pipeline.config.compose import register_schemas
from pipeline.config.schema import CONF
from pipeline.errors import ConfigError
from pipeline.sweeps.plan import Plan, _check_launcher, expand_overrides, make_plan


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


@pytest.mark.parametrize(
    "empty", ["seed=range(0,0)", "seed=range(3,1)", "seed=range(0,1,0)", "architecture=glob(zz)"]
)
def test_a_sweep_over_nothing_is_refused(empty):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        overrides = OverridesParser.create(loader).parse_overrides([empty])
        with pytest.raises(ConfigError, match=rf"^{re.escape(empty)} has no values"):
            expand_overrides(overrides)


def test_a_sweep_of_too_many_runs_is_refused_by_its_longest_list():
    assert len(_expand("seed=range(0,5000)", "train.epochs=1,2")) == 10_000
    with pytest.raises(ConfigError, match=r"^seed has too many values: .* more than 10,000 runs"):
        _expand("seed=range(0,5001)", "train.epochs=1,2")
    with pytest.raises(ConfigError, match="seed has too many values"):
        _expand("seed=range(0,1000000000000)")


def _plan(tmp_path, *words: str) -> Plan:
    register_schemas()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        given = [f"root={tmp_path}", "hydra.mode=MULTIRUN", *words]
        tree = compose("config", overrides=given, return_hydra_config=True)
        with open_dict(tree):
            tree.hydra.overrides.task = ["seed=0,1,2", *words]
        return make_plan(tree)


def test_no_more_runs_at_a_time_than_there_are_jobs_or_fit_into_the_memory(tmp_path, monkeypatch):
    memory = 25e9
    monkeypatch.setattr(
        "pipeline.config.machine.memory_limit", lambda: (memory, "this machine has")
    )
    assert _plan(tmp_path, "device.workers=1000000000").parallel_jobs == 3
    assert _plan(tmp_path, "device.workers=2").parallel_jobs == 2
    memory = 1.7e9
    assert _plan(tmp_path, "device.workers=3").parallel_jobs == 2
    with pytest.raises(ConfigError, match=r"^architecture\.units is 100000: its weights"):
        _plan(tmp_path, "architecture.units=100000")


def test_hydras_own_launchers_are_refused():
    own = OmegaConf.create(
        {"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}
    )
    with pytest.raises(ConfigError, match="cores or slurm"):
        _check_launcher(own)
