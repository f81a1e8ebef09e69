"""A page as a browser would find it, and text that tries to be markup in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from pipeline.analysis.comparison import Comparison, compare
from pipeline.analysis.tracked import TrackedRuns
from pipeline.report import sections, write_report
from pipeline.report.blocks import Section

HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(2)">&\'</style>{{ 7 * 7 }}'


class Page(HTMLParser):
    """What a browser would find: elements with their attributes, and the text of a few of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts.append(data)
        elif "style" not in self._open:
            self.text += data
        if self._open and re.fullmatch("h[1-6]", self._open[-1]):
            self.headings.append(f"{self._open[-1]} {data}")

    @property
    def away(self) -> list[str]:
        """The addresses of links that lead neither into the page nor to a file beside it."""
        links = [attributes.get("href") or "" for tag, attributes in self.elements if tag == "a"]
        return [link for link in links if urlsplit(link).scheme]

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def report(tracked: TrackedRuns, folder: Path) -> tuple[Comparison, Page]:
    comparison = compare(tracked, np.random.default_rng(0), replicates=100)
    path = write_report(comparison, tracked, folder)
    return comparison, Page(path.read_text(encoding="utf-8"))


def fold_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show the first figure about memory, and fold the others."""

    def folded(section: Section) -> Section:
        return replace(
            section,
            figures=lambda content: [*section.figures(content)][:1],
            further=lambda content: [*[*section.figures(content)][1:], *section.further(content)],
        )

    declared = [folded(one) if one.id == "memory" else one for one in sections.SECTIONS]
    monkeypatch.setattr(sections, "SECTIONS", declared)
