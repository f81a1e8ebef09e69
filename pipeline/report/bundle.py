"""Pack trained networks into text that a page can hold, as exactly as its size allows.

A matrix is written as 32-bit numbers or, where that is too much, row by row as whole numbers and a scale
of the row: 127 to either side of zero, or fewer in the embeddings of tokens. The fewer, the less zlib
makes of them.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_TABLES = ("embedding", "output")  # a row for each token, the most frequent ones first


@dataclass(frozen=True)
class Precision:
    """Say how exactly weights are written.

    levels: to either side of zero, in each row of a matrix; None: as they are. steps: in tables of
    embeddings the numbers of the most frequent tokens are rounded to so many steps of their root mean
    square, None: like other rows. The step is the wider the rarer a token, by the root of its frequency,
    which is about inverse to its rank: an error weighs as often as it is read.
    """

    name: str
    levels: int | None = None
    steps: float | None = None

    def scales_of(self, matrix: np.ndarray, *, is_table: bool) -> np.ndarray | None:
        """Return what a row's whole numbers are multiplied with, <float>[rows], or None without any."""
        if self.levels is None:
            return None
        scales = np.abs(matrix).max(axis=1) / self.levels
        if self.steps is None or not is_table:
            return scales
        step = np.sqrt(np.mean(matrix**2)) / self.steps
        return np.maximum(scales, step * np.sqrt(1 + np.arange(len(matrix)) / _FREQUENT))


_FREQUENT = 100  # tokens that are about equally exact

EXACT = Precision("32-bit numbers, as they were trained")
BYTES = Precision("whole numbers of 8 bits and a scale for each row of a matrix", 127)


def _coarser(steps: float) -> Precision:
    told = f"embeddings in steps of a {steps:.0f}th of their size, wider the rarer a token is"
    return Precision(f"{BYTES.name}; {told}", 127, steps)


# From the most exact that is quantized to the smallest.
COARSER = (BYTES, *(_coarser(32 / 2 ** (number / 4)) for number in range(13)))


def pack(weights: Mapping[str, Any], precision: Precision) -> dict[str, Any]:
    """Return `data`, all arrays in base64, and `weights`, nested as they were, with the place of each.

    Of a matrix it tells `rows`, `columns`, `bits` and `at`, where in the data it begins: with fewer than
    32 bits it stands there as `quantize` returns it.
    """
    parts: list[bytes] = []

    def add(value: Any, name: str) -> Any:
        if isinstance(value, Mapping):
            return {key: add(one, key) for key, one in value.items()}
        if isinstance(value, list):
            return [add(one, name) for one in value]
        if value is None:
            return None
        rows, columns = value.shape
        at = sum(map(len, parts))
        scales = precision.scales_of(value, is_table=name in _TABLES)
        if scales is None or name == "bias":
            parts.append(_as_bytes(value))
            bits = 32
        else:
            parts.extend(quantize(value, scales))
            bits = 8
        return {"rows": rows, "columns": columns, "bits": bits, "at": at}

    described = add(weights, "")
    data = base64.b64encode(_compress(b"".join(parts))).decode()
    return {"weights": described, "data": data}


def quantize(matrix: np.ndarray, scales: np.ndarray) -> list[bytes]:
    """Return as bytes a scale <float32>[], the share of it of each row <uint8>[rows], and the rows.

    A row <int8>[columns] times its share, in 255ths, times the scale, is what it was, rounded.

    scales: <float>[rows], what the rows are to be multiplied with at least.
    """
    scale = np.float32(max(scales.max(), np.finfo(np.float32).tiny) / 255)
    shares = np.clip(np.ceil(scales / scale), 1, 255).astype(np.uint8)
    codes = np.clip(np.rint(matrix / (scale * shares[:, None])), -127, 127).astype(np.int8)
    return [_as_bytes(np.asarray(scale)), shares.tobytes(), codes.tobytes()]


def _as_bytes(array: np.ndarray) -> bytes:
    return array.astype("<f4").tobytes()


def _compress(content: bytes) -> bytes:
    """Compress with zlib, which need not look for what repeats: in weights nothing does."""
    packer = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(content) + packer.flush()
