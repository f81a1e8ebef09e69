"""What a page is made of: blocks in sections, declared once for HTML and Markdown alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Generic, Literal, TypeVar

from altair.utils.schemapi import debug_mode

from pipeline.analysis.comparison import Comparison
from pipeline.analysis.tracked import TrackedRuns
from pipeline.report.figures.drawing import Figure
from pipeline.report.prose.parting import TextCard
from pipeline.report.prose.samples import SampleCard
from pipeline.report.tables import Table


@dataclass(frozen=True)
class Content:
    """What the sections of a sweep's page are built from.

    comparison: of the architectures that the page shows; whole: of all.
    """

    whole: Comparison
    tracked: TrackedRuns
    leagues: Sequence[Comparison] = ()

    @cached_property
    def comparison(self) -> Comparison:
        return self.whole.limited_to_shown()


@dataclass(frozen=True)
class Block:
    """A piece of a section.

    text: the paragraph, the heading, or the title of a folded table. rows: (bold, plain) pairs.
    further: figures that are folded on the page and in line in Markdown. texts: test texts with the
    answers to them. samples: what language models wrote. name: of the table's file, or of the drawing
    beside the text.
    on_paper: shown in Markdown only, where no table can be folded under its figure.
    """

    kind: Literal[
        "text",
        "heading",
        "table",
        "folded",
        "items",
        "facts",
        "figure",
        "further",
        "texts",
        "samples",
        "drawing",
    ]
    text: str = ""
    table: Table | None = None
    rows: Sequence[tuple[str, str]] = ()
    figure: Figure | None = None
    further: Sequence[Figure] = ()
    texts: Sequence[TextCard] = ()
    samples: Sequence[SampleCard] = ()
    on_paper: bool = False
    name: str = ""

    @property
    def id(self) -> str:
        """Return the id of a heading."""
        return "part-" + re.sub(r"\W+", "-", self.text.lower()).strip("-")

    @property
    def figures(self) -> list[Figure]:
        return [*([] if self.figure is None else [self.figure]), *self.further]


Shown = TypeVar("Shown")  # what a page is built from


@dataclass(frozen=True)
class Section(Generic[Shown]):
    """A section as declared: blocks, its figures, `further` figures folded under one line, blocks."""

    id: str
    title: str
    figures: Callable[[Shown], Iterable[Figure]] = lambda content: ()
    further: Callable[[Shown], Iterable[Figure]] = lambda content: ()
    before: Callable[[Shown], Iterable[Block]] = lambda content: ()
    after: Callable[[Shown], Iterable[Block]] = lambda content: ()


@dataclass(frozen=True)
class PageSection:
    """A section as built for one page."""

    id: str
    title: str
    blocks: tuple[Block, ...] = field(default=())

    @property
    def figures(self) -> list[Figure]:
        return [figure for block in self.blocks for figure in block.figures]

    @property
    def named_blocks(self) -> list[tuple[str, Block]]:
        """Return what the page shows; a table without a name is called after its section."""
        named: list[tuple[str, Block]] = []
        unnamed = 0
        for block in self.blocks:
            if block.on_paper:
                continue
            unnamed += block.table is not None and not block.name
            ordinal = f"_{unnamed}" if unnamed > 1 else ""
            named.append((block.name or f"{self.id}{ordinal}", block))
        return named


@debug_mode(False)  # half of the time; tests validate every figure
def build_sections(sections: Iterable[Section[Shown]], content: Shown) -> list[PageSection]:
    """Build the sections that have content."""
    built = []
    for section in sections:
        figures = (Block("figure", figure=figure) for figure in section.figures(content))
        further = _fold(section.further(content))
        blocks = (*section.before(content), *figures, *further, *section.after(content))
        built += [PageSection(section.id, section.title, blocks)] if blocks else []
    return built


def figures_of(sections: Iterable[PageSection]) -> list[Figure]:
    return [figure for section in sections for figure in section.figures]


def tables_of(sections: Iterable[PageSection]) -> Iterator[tuple[str, Table]]:
    """Yield each table with the name of its file; that of a figure is called like the figure."""
    for section in sections:
        for name, block in section.named_blocks:
            yield from ((figure.name, figure.table) for figure in block.figures)
            if block.table is not None:
                yield name, block.table


def _fold(figures: Iterable[Figure]) -> list[Block]:
    """Fold figures under a line that names them."""
    further = tuple(figures)
    titles = "; ".join(figure.title for figure in further)
    return [Block("further", f"More figures: {titles}", further=further)] if further else []


def table_blocks(table: Table | None, name: str = "") -> list[Block]:
    return [] if table is None else [Block("table", table=table, name=name)]
