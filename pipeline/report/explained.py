"""Explanation -> one page that opens with no network, the networks one above the other on its words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from pipeline.analysis.explanation import (
    Explanation,
    GateReading,
    HeadReading,
    NetworkReading,
    describe_answer,
    describe_change,
)
from pipeline.cells import keep_gates_in_words
from pipeline.errors import ReportError
from pipeline.files import replacing
from pipeline.report.look import Look, assign_looks
from pipeline.report.page import make_environment

_TEMPLATES = Path(__file__).parent / "templates"
_LINE = 86  # characters: what stands beside the names on a page of 60rem
_NARROWEST = 5  # characters that a word takes, for its numbers stand below it
_STRONGEST = 55  # percent of a colour, so that text stands out from it, light and dark

READING = (
    "Under each word: how probable the class named on the left is once the network has read so far, in "
    "percent; below it, where there are gates, which share of its state a layer keeps. The words that "
    "moved an answer most have their numbers underlined, words unknown to a network dotted."
)
METHOD = (
    "The probability after a word is that of the text up to there, read anew from its start (by a "
    "bidirectional network also backwards from there). A word's change is that of the log-odds of the "
    "class followed, from the text before it to the text with it; the first word's, from what the "
    "network says of nothing at all. A gate is the share of its state that a layer keeps at a word "
    f"while the whole text is read, averaged over its units: {keep_gates_in_words()}; other cells have "
    "none. An arrow is the direction of reading. A change says what moved "
    "this network on this text, in this order; it is no measure of what a word means."
)


@dataclass(frozen=True)
class Cell:
    """text as shown; side, strength: the colour and how much of it, in percent, or None."""

    text: str
    classes: str
    side: str = ""
    strength: int | None = None
    title: str = ""


@dataclass(frozen=True)
class Row:
    network: str
    label: str
    look: Look
    first: bool
    cells: tuple[Cell, ...]


def write_explanation(explanation: Explanation, path: Path) -> Path:
    """Writes the page as a whole, so that nobody meets half of it.

    Raises:
      ReportError: it cannot be written.
    """
    page = render(explanation)
    try:
        with replacing(path) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"the page cannot be written to {path}: {error}") from error
    return path


def render(explanation: Explanation) -> str:
    looks = looks_of(explanation.networks)
    labels = explanation.labels()
    styles = [_TEMPLATES / name for name in ("page.css", "explain.css")]
    return (
        make_environment(autoescape=True)
        .get_template("explain.html.j2")
        .render(
            title="One text, word by word",
            facts=_facts(explanation),
            text=explanation.text,
            reading=READING,
            keys=_keys(explanation),
            method=METHOD,
            networks=[
                _network(explanation, one, label, look)
                for one, label, look in zip(explanation.networks, labels, looks, strict=True)
            ],
            lines=[
                _line(explanation, words, labels, looks)
                for words in explanation.lines(_LINE, _NARROWEST, gap=2)
            ],
            style=Markup("\n".join(path.read_text(encoding="utf-8") for path in styles)),
        )
    )


def looks_of(networks: tuple[NetworkReading, ...]) -> list[Look]:
    """The look of each network's architecture, the same as in any report."""
    summary = pd.DataFrame(
        [
            {
                "architecture": one.architecture.name,
                "cell": one.architecture.cell,
                "bidirectional": one.architecture.bidirectional,
                "num_layers": one.architecture.num_layers,
            }
            for one in networks
        ]
    ).drop_duplicates("architecture")
    by_name = {look.architecture: look for look in assign_looks(summary)}
    return [by_name[one.architecture.name] for one in networks]


def _facts(explanation: Explanation) -> str:
    words, networks = len(explanation.words), len(explanation.networks)
    return (
        f"{words:,} word{'s' * (words != 1)} and marks, read by {networks} "
        f"network{'s' * (networks != 1)}."
    )


def _keys(explanation: Explanation) -> list[tuple[str, str]]:
    """What the colours stand for: of two classes each has its own, of more the one followed."""
    keys = []
    for head in (head for one in explanation.networks for head in one.heads):
        if head.against is None:
            keys.append(("--high", f"{head.name}: the answer"))
        else:
            keys.append(("--low", f"{head.name}: {head.against}"))
            keys.append(("--high", f"{head.name}: {head.followed}"))
    return list(dict.fromkeys(keys))


def _network(
    explanation: Explanation, network: NetworkReading, label: str, look: Look
) -> dict[str, Any]:
    return {
        "label": label,
        "look": look,
        "experiment": network.experiment,
        "seed": network.seed,
        "run_id": network.run_id,
        "notes": network.notes,
        "answers": [describe_answer(head) for head in network.heads],
        "moved": [
            {
                "head": head.name,
                "words": [
                    (explanation.words[place], describe_change(head.changes[place]))
                    for place in head.moved_most()
                ],
            }
            for head in network.heads
        ],
    }


def _line(
    explanation: Explanation, words: range, labels: list[str], looks: list[Look]
) -> dict[str, Any]:
    rows = []
    for network, label, look in zip(explanation.networks, labels, looks, strict=True):
        for place, head in enumerate(network.heads):
            cells = _answer_cells(network, head, words)
            rows.append(Row("" if place else label, f"{head.followed} %", look, not place, cells))
        for gate in network.gates:
            cells = _gate_cells(network, gate, words)
            rows.append(Row("", network.gate_label(gate), look, False, cells))
    return {
        "start": words.start + 1,
        "end": words.stop,
        "words": [explanation.words[place] for place in words],
        "rows": rows,
    }


def _answer_cells(network: NetworkReading, head: HeadReading, words: range) -> tuple[Cell, ...]:
    moved = set(head.moved_most())
    cells = []
    for place in words:
        share = float(head.probabilities[place])
        if math.isnan(share):
            cells.append(Cell("·", "unread", title="not read"))
            continue
        classes = "share" + " moved" * (place in moved) + " unknown" * bool(network.unknown[place])
        change = describe_change(float(head.changes[place]))
        title = f"{change} in log-odds" + ", not in its vocabulary" * bool(network.unknown[place])
        side, strength = head.lean(share)
        cells.append(
            Cell(f"{100 * share:.0f}", classes, f"--{side}", round(_STRONGEST * strength), title)
        )
    return tuple(cells)


def _gate_cells(network: NetworkReading, gate: GateReading, words: range) -> tuple[Cell, ...]:
    return tuple(
        Cell("·", "unread", title="not read")
        if math.isnan(value := float(gate.values[place]))
        else Cell(f"{value:.2f}", "gate", "--ink", round(25 * value))
        for place in words
    )
