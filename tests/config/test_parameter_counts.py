"""Test the counts of weights, and the units that are solved from them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.parameter_counts import RecurrentLayers

LAYERS = st.builds(
    RecurrentLayers,
    cell=st.sampled_from(["simple_rnn", "lstm", "gru"]),
    features=st.integers(1, 300),
    num_layers=st.integers(1, 4),
    bidirectional=st.booleans(),
)


@given(LAYERS, st.integers(1, 2000))
def test_units_are_recovered_from_their_weights(layers, units):
    assert layers.solve_units(layers.count_weights(units)) == units


@given(LAYERS, st.integers(1, 10**7))
def test_no_other_units_come_closer(layers, weights):
    units = layers.solve_units(weights)
    distance = abs(layers.count_weights(units) - weights)
    assert units >= 1
    assert distance <= abs(layers.count_weights(units + 1) - weights)
    if units > 1:
        assert distance <= abs(layers.count_weights(units - 1) - weights)
