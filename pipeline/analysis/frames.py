"""How a frame is read row by row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Return rows with the columns as attributes; Any, for pandas cannot say what a column holds."""
    return frame.itertuples(index=False)
