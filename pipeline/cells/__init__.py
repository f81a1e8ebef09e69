"""The recurrent cells: a file for each, with all that the project knows of it.

A module of this package is found by itself; it holds a `CELL` of the module's name. Configuration,
networks, CPU kernels, probes and pages ask here, so that a new cell is one file, and an architecture
made of it one more (in `conf/architecture`).

Neither TensorFlow nor Keras is imported here, since the configuration is checked before either: the
functions of a cell are given `tf` or `keras`.

Shapes: batch B, units U, gates G, directions D.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

Tensors = tuple[Any, ...]

# How a cell is shown on a page, which decides no number.
SHOWN = ("title", "article", "colours", "mark")
MARKS = ("circle", "square", "triangle-up", "diamond", "cross")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A recurrent cell.

    A step is given the input and the state already projected, x = inputs @ kernel + bias and
    m = h @ recurrent_kernel (+ recurrent bias), both <float>[D, B, G * U]; m is None without recurrent
    weights. States are <float>[D, B, U], and the first one is the output.

    name: as in `architecture.cell=lstm`. title: as its authors write it, with its article before it.
    layer: (keras) -> the class of its Keras layer, called with `units`, `return_sequences` and `name`.
      Its `cell` has `kernel`, `bias` and, with `recurrent`, `recurrent_kernel`, the gates side by side.
    gates: what stands side by side in the kernels, in that order; a candidate counts.
    biases: of each gate, 2 where m has one of its own.
    recurrent: whether the state is projected by weights.
    count_weights_by: (features, units) -> trainable weights, where they are not those of kernels and
      biases alone.

    step: (tf, x, m, states) -> the states after it, and what is to be seen of it: the values of all
      gates in their order, then `extras` further tensors, each <float>[D, B, U]. Without it the Keras
      layer computes everything, and what needs to look into the cell is skipped.
    gradient: (tf, seen, states before, gradients of the states after) -> the gradients of x, of m
      (None without recurrent weights) and of the states before, as far as they do not pass through m
      (None: not at all). Without it a step is differentiated by TensorFlow.
    states: how many. idle: for each gate, the x of padding, with which a zero state stays exactly zero.
    carried: (tf, seen, gradients of the states after a step) -> the gradient of the last state alone,
      which is what a cell of several states carries on.

    keep_gate: which gate says how much of its state a unit keeps: 1 all, 0 nothing.
    input_gate: which gate lets in as the keep gate lets go. With both, `forget_bias` may be set.

    colours: by (bidirectional, stacked), on a light and on a dark page. mark: its shape in figures, as
      Vega names it.
    """

    name: str
    title: str
    article: str = "a"
    layer: Callable[[Any], Any]
    gates: tuple[str, ...]
    biases: int = 1
    recurrent: bool = True
    count_weights_by: Callable[[int, int], int] | None = None
    step: Callable[[Any, Any, Any, Tensors], tuple[Tensors, Tensors]] | None = None
    gradient: Callable[[Any, Tensors, Tensors, Tensors], tuple[Any, Any, Tensors]] | None = None
    states: int = 1
    extras: int = 0
    idle: tuple[float, ...] = ()
    carried: Callable[[Any, Tensors, Tensors], Any] | None = None
    keep_gate: int | None = None
    input_gate: int | None = None
    colours: Mapping[tuple[bool, bool], tuple[str, str]] = field(default_factory=dict)
    mark: str = "diamond"

    def __post_init__(self) -> None:
        if self.mark not in MARKS:
            raise ValueError(
                f"{self.name}: its mark is {self.mark!r}; pages draw {', '.join(MARKS)}"
            )
        if self.step and len(self.idle) != len(self.gates):
            raise ValueError(f"{self.name}: a step needs an idle input for each of its gates")
        if self.step and self.states > 1 and self.carried is None:
            raise ValueError(f"{self.name}: of several states, carried says which one lasts")

    @property
    def has_forget_bias(self) -> bool:
        return self.keep_gate is not None and self.input_gate is not None

    def count_weights(self, features: int, units: int) -> int:
        """Return the trainable weights of one layer in one direction."""
        if self.count_weights_by:
            return self.count_weights_by(features, units)
        return len(self.gates) * units * (features + self.recurrent * units + self.biases)

    @property
    def keep_gate_name(self) -> str | None:
        return None if self.keep_gate is None else self.gates[self.keep_gate]


def find_cell(name: str) -> Cell:
    """Return a cell by its name.

    Raises:
      KeyError: there is none of that name.
    """
    return _registry()[name]


def cells() -> tuple[Cell, ...]:
    """Return every cell, those of fewest gates first."""
    return tuple(sorted(_registry().values(), key=lambda cell: (len(cell.gates), cell.name)))


def is_cell(name: str) -> bool:
    return name in _registry()


def keep_gates_in_words() -> str:
    """Return "the update gate of a GRU, the forget gate of an LSTM" and so on, for a sentence."""
    return ", ".join(
        f"the {cell.keep_gate_name} of {cell.article} {cell.title}"
        for cell in cells()
        if cell.keep_gate_name
    )


@cache
def _registry() -> dict[str, Cell]:
    names = [entry.name for entry in pkgutil.iter_modules(__path__)]
    return {name: importlib.import_module(f"{__name__}.{name}").CELL for name in names}
