"""What is known of a key is derived from the field behind it."""

from __future__ import annotations

from enum import Enum

import pytest

from pipeline.config.keys import (
    Key,
    choices,
    closest_key,
    expected_value,
    explain_unknown,
    is_shared,
    known_keys,
)


class _Kind(Enum):
    one = "one"
    two = "two"


@pytest.mark.parametrize(
    ("hint", "said"),
    [
        (_Kind, "one of one, two"),
        (_Kind | None, "null or one of one, two"),
        (list[_Kind], "a list out of one, two"),
        (bool, "true or false"),
        (int, None),
        (str | None, None),
    ],
)
def test_choices_are_those_of_the_type(hint, said):
    assert choices(hint) == said


@pytest.mark.parametrize(
    ("hint", "kind", "is_list", "may_be_null"),
    [
        (int, int, False, False),
        (int | None, int, False, True),
        (list[str], list[str], True, False),
        (list[str] | None, list[str], True, True),
    ],
)
def test_null_is_no_part_of_the_kind(hint, kind, is_list, may_be_null):
    key = Key(known_keys()["seed"].field, hint)
    assert (key.kind, key.is_list, key.may_be_null) == (kind, is_list, may_be_null)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("architecture.unit", "architecture.units"),
        ("units", "architecture.units"),
        ("epoch", "train.epochs"),
        ("control", "baseline"),
        ("zzz", None),
    ],
)
def test_a_key_that_is_close_is_suggested(typed, meant):
    assert closest_key(typed) == meant
    assert (f"did you mean {meant}?" if meant else "--help") in explain_unknown(typed)


def test_what_a_value_must_be_is_known_of_every_setting_but_free_text():
    silent = {key for key, known in known_keys().items() if not expected_value(key) and "." in key}
    texts = {key for key, known in known_keys().items() if known.kind is str}
    assert silent <= texts


@pytest.mark.parametrize(
    ("key", "shared"),
    [
        ("experiment", True),
        ("data", True),
        ("data.path", True),
        ("data.length", False),  # of the adding problem, which is compared along it
        ("seed", False),
        ("train.epochs", False),
        ("architecture", False),
    ],
)
def test_what_all_runs_of_a_sweep_share(key, shared):
    assert is_shared(key) == shared
