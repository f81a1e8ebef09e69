"""Pack trained networks into text that a page can hold, as exactly as its size allows.

A matrix is written as 32-bit numbers or, where that is too much, row by row as whole numbers and a scale
of the row: 127 levels to either side of zero, or fewer for the embeddings of rarer tokens. zlib then
makes something of it, and the fewer the levels the more.
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

    levels: to either side of zero, in each row of a matrix; None: as they are. least: levels of the rows
    of the rarest tokens; a row in the middle has them by the root of its frequency, which is about
    inversely proportional to its rank: an error counts as often as the token is read.
    """

    name: str
    levels: int | None = None
    least: int | None = None

    def of_table(self, rows: int) -> np.ndarray | int | None:
        """Return the levels of the rows of a table <int>[rows], or of all of them."""
        if self.levels is None or self.least is None:
            return self.levels
        shares = 1 / np.sqrt(1 + np.arange(rows) / _FREQUENT)
        return np.clip(np.round(self.levels * shares), self.least, self.levels).astype(int)


_FREQUENT = 100  # tokens that keep about all levels

EXACT = Precision("32-bit numbers, as they were trained")
BYTES = Precision("whole numbers of 8 bits and a scale for each row of a matrix", 127)


def _coarser(least: int) -> Precision:
    return Precision(
        f"{BYTES.name}, the embeddings of rarer tokens with fewer levels, at least {2 * least + 1}",
        127,
        least,
    )


# From the most exact that is quantized to the smallest.
COARSER = (BYTES, _coarser(31), _coarser(15), _coarser(7), _coarser(4))


def pack(weights: Mapping[str, Any], precision: Precision) -> dict[str, Any]:
    """Return `data`, all arrays in base64, and `weights`, nested as they were, with the place of each.

    Of a matrix it tells `rows`, `columns`, `bits` and `at`, where in the data it begins: with fewer than
    32 bits first the scale of each row <float32>[rows], then the numbers <int>[rows, columns].
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
        levels = precision.of_table(rows) if name in _TABLES else precision.levels
        if levels is None or name == "bias":
            parts.append(_as_bytes(value))
            bits = 32
        else:
            parts.extend(quantize(value, levels))
            bits = 8
        return {"rows": rows, "columns": columns, "bits": bits, "at": at}

    described = add(weights, "")
    data = base64.b64encode(_compress(b"".join(parts))).decode()
    return {"weights": described, "data": data}


def quantize(matrix: np.ndarray, levels: np.ndarray | int) -> list[bytes]:
    """Return the scale of each row <float32>[rows] and its numbers <int8>[rows, columns] as bytes."""
    highest = np.abs(matrix).max(axis=1)
    scales = np.where(highest > 0, highest / levels, 1).astype(np.float32)
    codes = np.rint(matrix / scales[:, None]).astype(np.int8)
    return [_as_bytes(scales), codes.tobytes()]


def _as_bytes(array: np.ndarray) -> bytes:
    return array.astype("<f4").tobytes()


def _compress(content: bytes) -> bytes:
    """Compress with zlib, which need not look for what repeats: in weights nothing does."""
    packer = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(content) + packer.flush()
