"""Make small tables of texts and labels, as people have them."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.tables import CsvConfig


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
