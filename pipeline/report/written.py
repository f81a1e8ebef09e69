"""Write what networks wrote as one page that opens without a network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.analysis.writing import (
    BEGINS,
    END_OF_TEXT,
    NetworkWriting,
    Writing,
    WrittenToken,
    split_prompt,
)
from pipeline.report.folder import write_single_page
from pipeline.report.formats import pluralise
from pipeline.report.look import Look, looks_of_networks
from pipeline.report.page import make_environment

_TEMPLATES = Path(__file__).parent / "templates"
_LEVELS = 10  # shades of a word

READING = (
    "The stronger the colour of a word, the more probable it was to the network before it was written. "
    "Point at a word, tap it, or reach a text with Tab and go through it with the arrow keys: the five "
    "words that were likeliest at its place appear. The same stands in the table below each text."
)
METHOD = (
    "A network reads the prompt, gives every token of its vocabulary a probability, and one of them is "
    "drawn; the network reads that too, and so on, until it draws the end of the text or the length is "
    "reached. The probabilities on this page are those of the network itself; temperature, top_k and "
    "top_p then change which token is drawn. Padding and the unknown token are never drawn, and have no "
    "part in the probabilities. The same seed draws the same text on the same machine, whatever else is "
    "written beside it."
)
UNKNOWN = (
    "A crossed-out part of a prompt is not in the vocabulary of that network, which knows only that "
    "something stands there."
)


def write_page(writing: Writing, path: Path) -> Path:
    """Write the page to `path` atomically.

    Raises:
      ReportError: the page cannot be written.
    """
    return write_single_page(render(writing), path)


def render(writing: Writing) -> str:
    looks = looks_of_networks(writing.networks)
    labels = writing.labels()
    networks = [*zip(writing.networks, labels, looks, strict=True)]
    return (
        make_environment(autoescape=True)
        .get_template("written.html.j2")
        .render(
            title="Written by networks",
            facts=_facts(writing),
            reading=READING,
            unknown=UNKNOWN if writing.has_unknown else "",
            method=METHOD,
            shades=[(_level(share), f"{100 * share:g}%") for share in (0.01, 0.1, 0.5, 1)],
            prompts=[
                {
                    "title": f"“{prompt}”" if prompt else BEGINS,
                    "networks": [_network(writing, place, *one) for one in networks],
                }
                for place, prompt in enumerate(writing.prompts)
            ],
            runs=[
                {
                    "label": label,
                    "experiment": one.experiment,
                    "seed": one.seed,
                    "run_id": one.run_id,
                }
                for one, label, _ in networks
            ],
            style=Markup(_read("page.css", "written.css")),
            script=Markup(_read("tip.js", "elements.js", "written.js")),
        )
    )


def _read(*names: str) -> str:
    return "\n".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names)


def _facts(writing: Writing) -> str:
    samples = writing.sampling.samples
    parts = [
        pluralise(len(writing.prompts), "prompt"),
        pluralise(len(writing.networks), "network"),
        *([f"{samples:,} samples of each"] if samples > 1 else []),
    ]
    return f"{', '.join(parts)}. {writing.sampling.describe().capitalize()}."


def _network(
    writing: Writing, place: int, network: NetworkWriting, label: str, look: Look
) -> dict[str, Any]:
    samples = network.texts[place]
    return {
        "label": label,
        "look": look,
        "prompt": [*split_prompt(writing.prompts[place], network.unknown[place])],
        "texts": [
            {
                "label": f"{label}, sample {number}" if len(samples) > 1 else label,
                "number": number if len(samples) > 1 else None,
                "words": [_word(token) for token in text.tokens],
                "has_ended": text.has_ended,
            }
            for number, text in enumerate(samples, start=1)
        ],
    }


def _word(token: WrittenToken) -> dict[str, Any]:
    """Return what is shown of a token; a space before it stands outside of its shade."""
    shown = token.text.lstrip(" ") or token.text
    told = [part for text, p in token.likeliest for part in (_plain(text), format_probability(p))]
    return {
        "space": token.text[: len(token.text) - len(shown)],
        "text": END_OF_TEXT if token.ends else shown,
        "ends": token.ends,
        "place": "" if token.place is None else token.place,
        "level": _level(token.probability),
        "probability": format_probability(token.probability),
        "likeliest": "\t".join(told),
    }


def _plain(text: str) -> str:
    """Return a token without the character that separates tokens in an attribute."""
    return text.replace("\t", " ")


def _level(probability: float) -> int:
    """Return the shade: by the root, as most words of a text have small probabilities."""
    return round(_LEVELS * math.sqrt(probability))


def format_probability(share: float) -> str:
    """Format a probability in percent, with a digit behind the point where it is small."""
    if share >= 0.0995:
        return f"{100 * share:.0f}%"
    return f"{100 * share:.1f}%" if share >= 0.0005 else "<0.1%"
