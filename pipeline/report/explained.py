"""Write an Explanation as one page that opens without a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from pipeline.report.folder import write_single_page
from pipeline.report.look import Look, looks_of_networks
from pipeline.report.page import make_environment

_TEMPLATES = Path(__file__).parent / "templates"
_LINE = 86  # characters that fit beside the names on a page of 60rem
_NARROWEST = 5  # the fewest characters for a word, so that its numbers fit below it
_STRONGEST = 55  # percent of a colour that keeps text readable, on light and dark pages

READING = (
    "Under each word is the probability, in percent, of the class named on the left after the network "
    "has read up to that word. Below it, where there are gates, is the share of its state that a layer "
    "keeps. The numbers of the words that moved an answer most are solidly underlined; those of words "
    "unknown to a network have a dotted underline."
)
METHOD = (
    "The probability after a word is computed by reading the text up to that word from its start (with "
    "a bidirectional network, also backwards from that word). The change at a word is the log-odds of "
    "the followed class with the word minus that without it; for the first word, the change is from an "
    "empty text. A gate is the share of its state that a layer keeps at a word while the whole text is "
    f"read, averaged over its units: {keep_gates_in_words()}; other cells have none. An arrow shows the "
    "direction of reading. A change describes what moved this network on this text, read in this order; "
    "it does not measure what a word means."
)


@dataclass(frozen=True)
class TableCell:
    """A cell of the word table; side and strength are its colour and how much of it, in percent."""

    text: str
    classes: str
    side: str = ""
    strength: int | None = None
    title: str = ""


@dataclass(frozen=True)
class TableRow:
    network: str
    label: str
    look: Look
    first: bool
    cells: tuple[TableCell, ...]


def write_explanation(explanation: Explanation, path: Path) -> Path:
    """Write the page to `path` atomically.

    Raises:
      ReportError: the page cannot be written.
    """
    return write_single_page(render(explanation), path)


def render(explanation: Explanation) -> str:
    looks = looks_of_networks(explanation.networks)
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


def _facts(explanation: Explanation) -> str:
    words, networks = len(explanation.words), len(explanation.networks)
    return (
        f"{words:,} word{'s' * (words != 1)} and marks, read by {networks} "
        f"network{'s' * (networks != 1)}."
    )


def _keys(explanation: Explanation) -> list[tuple[str, str]]:
    """List (colour, meaning) pairs: each of two classes has a colour; of more, the followed one."""
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
            rows.append(
                TableRow("" if place else label, f"{head.followed} %", look, not place, cells)
            )
        for gate in network.gates:
            cells = _gate_cells(network, gate, words)
            rows.append(TableRow("", network.gate_label(gate), look, False, cells))
    return {
        "start": words.start + 1,
        "end": words.stop,
        "words": [explanation.words[place] for place in words],
        "rows": rows,
    }


def _answer_cells(
    network: NetworkReading, head: HeadReading, words: range
) -> tuple[TableCell, ...]:
    moved = set(head.moved_most())
    cells = []
    for place in words:
        share = float(head.probabilities[place])
        if math.isnan(share):
            cells.append(TableCell("·", "unread", title="not read"))
            continue
        classes = "share" + " moved" * (place in moved) + " unknown" * bool(network.unknown[place])
        change = describe_change(float(head.changes[place]))
        title = f"{change} in log-odds" + ", not in its vocabulary" * bool(network.unknown[place])
        side, strength = head.lean(share)
        cells.append(
            TableCell(
                f"{100 * share:.0f}", classes, f"--{side}", round(_STRONGEST * strength), title
            )
        )
    return tuple(cells)


def _gate_cells(network: NetworkReading, gate: GateReading, words: range) -> tuple[TableCell, ...]:
    return tuple(
        TableCell("·", "unread", title="not read")
        if math.isnan(value := float(gate.values[place]))
        else TableCell(f"{value:.2f}", "gate", "--ink", round(25 * value))
        for place in words
    )
