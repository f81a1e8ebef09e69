"""Count the weights of recurrent layers, and solve the units for a given number of weights.

Plain arithmetic, so that a configuration can be solved, or refused, before TensorFlow is imported.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from pipeline.cells import find_cell

# The largest relative difference between the requested weights and those of the solved units.
TOLERANCE = 0.02


@dataclass(frozen=True)
class RecurrentLayers:
    """Describe recurrent layers except for their units. features: the input width of the first."""

    cell: str
    features: int
    num_layers: int
    bidirectional: bool

    def count_weights(self, units: int) -> int:
        """Return the number of trainable weights of all layers; both directions feed the next layer."""
        cell = find_cell(self.cell)
        directions = 2 if self.bidirectional else 1
        widths = [self.features] + [directions * units] * (self.num_layers - 1)
        return sum(directions * cell.count_weights(width, units) for width in widths)

    def solve_units(self, weights: int) -> int:
        """Return the units whose weights come closest; the smaller number in a tie."""
        units = range(1, weights + 1)  # a unit has more than one weight
        above = bisect_left(units, weights, key=self.count_weights)
        around = units[max(above - 1, 0) : above + 1]
        return min(around, key=lambda number: abs(self.count_weights(number) - weights))
