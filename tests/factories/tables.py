"""Make small tables of texts and labels, as people have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline.config.tables import CsvConfig
from pipeline.data.table import read_table
from pipeline.errors import DataError


def write_table(folder: Path, content: str | bytes, name: str = "my.csv", **settings) -> CsvConfig:
    """Write a file, and return the configuration that reads it."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return CsvConfig(path=str(path), **settings)


def rows(count: int = 12, separator: str = ",", *, quoted: bool = True) -> str:
    """Return lines of texts with a comma and of two labels in turn."""
    quote = '"' * quoted
    return "".join(
        f"{quote}a text, number {row}{quote}{separator}{'ab'[row % 2]}\n" for row in range(count)
    )


def refuse(config: CsvConfig, words: Sequence[str]) -> str:
    """Read a table that cannot be used; its message is a short line with the file and `words`."""
    with pytest.raises(DataError) as error:
        read_table(config)
    message = str(error.value)
    for word in [Path(config.path).name, *words]:
        assert word in message
    assert message.isprintable()
    assert len(message.replace(str(Path(config.path).parent), "")) < 400
    return message
