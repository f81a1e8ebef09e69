"""Test that every setting is derived from the schema; this file lists none itself either."""

from __future__ import annotations

import dataclasses
from enum import Enum
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from factories import CELLS, small_run

from pipeline.analysis.selection import SETTINGS, name_by_settings
from pipeline.config.compose import check
from pipeline.config.data import DATA
from pipeline.config.fingerprint import fingerprint
from pipeline.config.schema import TUNABLE, RunConfig
from pipeline.config.settings import settings_by_kind, settings_of, values_of
from pipeline.errors import ConfigError


def _varied() -> list[str]:
    config = small_run(Path())
    return [
        f"{setting.section}__{setting.name}"
        for setting in settings_of(type(config.data))
        if setting.names_a_variant
    ]


def _others(value: Any, kind: type) -> list[Any]:
    if isinstance(value, Enum):
        return [other for other in type(value) if other != value]
    if isinstance(value, bool):
        return [not value]
    if value in CELLS:
        return CELLS
    return [other for other in (kind(3), kind(2), kind(0.25) if kind is float else None) if other]


def _changed(folder: Path, key: str) -> RunConfig:
    """Return a valid run in which one setting has another value."""
    section, name = key.split("__")
    base = small_run(folder)
    value = getattr(getattr(base, section), name)
    kind = next(one.kind for one in settings_of(type(base.data)) if one.name == name)
    candidates = _others(value, kind)
    candidates += [value + 100, value / 2] if isinstance(value, int | float) else []
    for candidate in candidates:
        config = small_run(folder, **{key: candidate})
        try:
            check(config)
        except ConfigError:
            continue
        if candidate != value:
            return config
    raise AssertionError(f"no other value of {key} is valid")


@pytest.mark.parametrize("key", _varied())
def test_two_runs_that_differ_in_a_setting_get_different_names(key: str, tmp_path: Path) -> None:
    configs = [small_run(tmp_path), _changed(tmp_path, key)]
    assert fingerprint(configs[0]) != fingerprint(configs[1])
    stored = [
        {name: str(value) for name, value in values_of(one).items() if value is not None}
        for one in configs
    ]
    settings = settings_by_kind("clauses")
    rows = [{one.column: one.parse(row.get(one.column)) for one in settings} for row in stored]
    runs = pd.DataFrame(rows).assign(architecture="lstm")
    assert name_by_settings(runs, SETTINGS).nunique() == 2


def test_what_changes_no_result_makes_no_variant(tmp_path: Path) -> None:
    config = small_run(tmp_path, data__length_edges=[5, 9])
    assert fingerprint(config) == fingerprint(small_run(tmp_path))
    assert values_of(config) == values_of(small_run(tmp_path))


def test_no_two_settings_share_a_column(tmp_path: Path) -> None:
    for data in DATA.values():
        columns = [one.column for one in settings_of(data)]
        assert len(set(columns)) == len(columns)
        assert not {"architecture", "data", "seed"} & set(columns)


def test_whatever_may_be_tuned_is_a_field_of_its_section_and_names_a_variant() -> None:
    config = small_run(Path())
    for name, section in TUNABLE.items():
        assert name in {field.name for field in dataclasses.fields(getattr(config, section))}
    assert set(TUNABLE) <= set(SETTINGS)
