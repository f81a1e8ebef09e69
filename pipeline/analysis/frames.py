"""How a frame is read: row by row, and its texts as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Return rows with the columns as attributes; Any, for pandas cannot say what a column holds."""
    return frame.itertuples(index=False)


def rank(column: pd.Series) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Return the place of each value among the sorted distinct ones, and these; missing ones are last.

    Texts are then sorted and compared as numbers, which is many times faster. Categories count in the
    order of their texts.
    """
    codes, distinct = pd.factorize(column)
    values = np.asarray(distinct, dtype=object if column.dtype == "category" else None)
    order = np.argsort(values, kind="stable")
    places = np.empty(len(order) + 1, dtype=np.intp)
    places[order], places[-1] = np.arange(len(order)), len(order)
    return places[codes], values[order]
