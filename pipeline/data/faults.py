"""Count the rows of a table that cannot be used, and say which they are."""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.data.containers import shorten

_NAMED = 3  # rows, and labels, of each fault


@dataclass
class Fault:
    """Count the rows with one fault. what: of the first row; each: of all, for what is left out."""

    what: str
    each: str
    rows: list[int] = field(default_factory=list)
    labels: dict[str, None] = field(default_factory=dict)
    count: int = 0

    def add(self, row: int, label: str | None = None) -> None:
        self.count += 1
        if len(self.rows) < _NAMED:
            self.rows.append(row)
        if label is not None and len(self.labels) <= _NAMED:
            self.labels[label] = None

    def __str__(self) -> str:
        shown = [shorten(label, 40) for label in self.labels][:_NAMED]
        labels = f": {', '.join(shown)}{', …' * (len(self.labels) > _NAMED)}" if shown else ""
        rows = ", ".join(map(str, self.rows)) + ", …" * (self.count > len(self.rows))
        return f"{self.count:,} {self.each}{labels} (row{'s' * (self.count > 1)} {rows})"


class Faults(dict[str, Fault]):
    """Hold the faults of a table by kind, in the order in which they were found."""

    def note(self, kind: str, row: int, what: str, each: str, label: str | None = None) -> None:
        self.setdefault(kind, Fault(what, each)).add(row, label)

    @property
    def total(self) -> int:
        return sum(fault.count for fault in self.values())

    def __str__(self) -> str:
        return ", ".join(map(str, self.values()))
