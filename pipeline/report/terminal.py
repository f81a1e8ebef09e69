"""Print an Explanation as coloured tables on a terminal; the colours have the page's meaning."""

from __future__ import annotations

import math

from rich.color import Color, blend_rgb
from rich.console import Console
from rich.style import Style
from rich.table import Table
from rich.text import Text

from pipeline.analysis.explanation import (
    Explanation,
    HeadReading,
    NetworkReading,
    describe_answer,
    describe_change,
)
from pipeline.report.look import BETTER, INK, PAPER, WORSE, Look, looks_of_networks

_SIDES = {"high": BETTER, "low": WORSE}
_STRONGEST, _STRONGEST_GATE = 0.55, 0.25  # shares of a colour that keep text readable
_NARROWEST = 6  # the fewest characters for a word, so that its numbers fit below it


def show(explanation: Explanation, console: Console | None = None) -> None:
    """Print the answers word by word, the final answers, and the words that moved them."""
    console = console or Console(highlight=False)
    looks = looks_of_networks(explanation.networks)
    tags = [make_tag(*one) for one in zip(explanation.labels(), looks, strict=True)]
    rows = [_rows(*one) for one in zip(explanation.networks, tags, strict=True)]
    names = max(name.cell_len for network in rows for name, _ in network)
    for words in explanation.lines(console.width - names - 2, _NARROWEST, gap=1):
        table = Table(box=None, padding=(0, 1, 0, 0), show_edge=False)
        table.add_column(min_width=names, no_wrap=True)
        for place in words:
            table.add_column(plain(explanation.words[place]), justify="center", no_wrap=True)
        for network in rows:
            for name, cells in network:
                table.add_row(name, *cells[words.start : words.stop])
        console.print(table)
        console.print()
    for network, tag in zip(explanation.networks, tags, strict=True):
        _show_answers(explanation, network, tag, console)


def _rows(network: NetworkReading, tag: Text) -> list[tuple[Text, list[Text]]]:
    """Return the name and the cells of each row: one for each head, and one for each gate."""
    rows = []
    for place, head in enumerate(network.heads):
        before = Text() if place else tag
        rows.append((before + plain(f" {head.followed} %"), _answer_cells(network, head)))
    for gate in network.gates:
        cells = [
            _shaded(f"{value:.2f}", INK, _STRONGEST_GATE * value)
            for value in map(float, gate.values)
        ]
        rows.append((Text(f"  {network.gate_label(gate)}", style="dim"), cells))
    return rows


def _answer_cells(network: NetworkReading, head: HeadReading) -> list[Text]:
    moved = set(head.moved_most())
    cells = []
    for place, share in enumerate(map(float, head.probabilities)):
        side, strength = head.lean(share)
        unknown = "?" * bool(network.unknown[place])
        cell = _shaded(f"{100 * share:.0f}{unknown}", _SIDES[side], _STRONGEST * strength)
        if place in moved:
            cell.stylize("bold underline")
        cells.append(cell)
    return cells


def _shaded(text: str, colour: str, strength: float) -> Text:
    """Return dark text on a tint of a colour, readable whatever the terminal's own colours are."""
    if math.isnan(strength):
        return Text("·", style="dim")  # not read
    paper, full = (Color.parse(one).get_truecolor() for one in (PAPER, colour))
    ground = Color.from_triplet(blend_rgb(paper, full, strength))
    return Text(f" {text} ", style=Style(color=INK, bgcolor=ground))


def make_tag(label: str, look: Look) -> Text:
    return Text(f" {label} ", style=Style(color=PAPER, bgcolor=look.colour, bold=True))


def _show_answers(
    explanation: Explanation, network: NetworkReading, tag: Text, console: Console
) -> None:
    answers = " · ".join(describe_answer(head) for head in network.heads)
    console.print(tag + plain(f" {answers}"))
    for head in network.heads:
        words = ", ".join(
            f"“{explanation.words[place]}” {describe_change(float(head.changes[place]))}"
            for place in head.moved_most()
        )
        console.print(plain(f"  what moved {head.name} most: {words or 'nothing'}"))
    for note in network.notes:
        console.print(Text(f"  it {note}", style="dim"))


def plain(text: str) -> Text:
    """Return untrusted text without characters that control a terminal."""
    return Text("".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text))
