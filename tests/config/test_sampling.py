"""The settings of drawing, as they are typed."""

from __future__ import annotations

import pytest

from pipeline.config.sampling import SAMPLING_WORDS, Sampling, read_sampling
from pipeline.errors import ConfigError


def test_what_is_not_typed_has_its_default():
    words = dict.fromkeys(SAMPLING_WORDS)
    assert read_sampling(words) == Sampling()
    typed = {"temperature": "0", "top_k": "40", "top_p": "0.9", "length": "7", "samples": "2"}
    assert read_sampling(words | typed) == Sampling(0, 40, 0.9, 7, 2)
    assert read_sampling(words | {"top_k": "null", "seed": "3"}) == Sampling(seed=3)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("temperature", ["-0.1", "nan", "inf", "warm", ""]),
        ("top_k", ["0", "-1", "1.5", "all"]),
        ("top_p", ["0", "1.01", "nan", "-1"]),
        ("length", ["0", "2.5", "long"]),
        ("samples", ["0", "-2"]),
        ("seed", ["-1", "0,1"]),
    ],
)
def test_what_is_not_valid_is_named_with_what_would_be(name, values):
    for value in values:
        with pytest.raises(ConfigError, match=rf"^{name} is '?{value}.*; it takes a ") as refusal:
            read_sampling({name: value})
        assert "\n" not in str(refusal.value)


def test_settings_are_described_where_they_act():
    assert Sampling().describe() == "temperature 0.8, seed 0; at most 100 tokens"
    cut = Sampling(1, 1_000, 0.9, 1, seed=4)
    assert cut.describe() == "temperature 1, top_k 1,000, top_p 0.9, seed 4; at most 1 token"
    assert Sampling(0, 5, 0.9).describe() == (
        "temperature 0: always the likeliest token; at most 100 tokens"
    )
