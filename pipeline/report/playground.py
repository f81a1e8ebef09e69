"""Write trained networks into one page that runs them in the browser, with no server and no network.

The page holds a bundle: the networks with their weights (`pipeline.report.bundle`) and vocabularies, and
texts to begin with. `templates/networks.js` reads it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from pipeline.analysis.playable import Playable
from pipeline.cells import find_cell
from pipeline.report.bundle import Precision
from pipeline.report.fitting import MOST_BYTES, Choice, Packer, fit
from pipeline.report.formats import join_names
from pipeline.report.look import Look
from pipeline.report.page import as_script, make_environment

_TEMPLATES = Path(__file__).parent / "templates"
_LAYERS = ("words.js", "spelling.js", "layers.js")
_STEPS = _TEMPLATES / "cells"  # a file for each cell
# What a person uses, each file using those before it.
_BEHAVIOUR = (
    *("tip.js", "elements.js", "reading.js", "link.js", "seeds.js"),
    *("strip.js", "answers.js", "distance.js", "gates.js", "classify.js"),
    *("written.js", "language.js", "playground.js"),
)
_SPECIAL = (
    2  # tokens of every vocabulary: padding and unknown; a language model has one that ends texts
)
_INVITATIONS = {
    "classify": "Type a text and watch trained networks read it word by word. Then push words in "
    "between, and see which of them forgets.",
    "language": "Begin a text, and see what trained networks expect next and how they write on.",
}
_TITLES = {"classify": "which network remembers?", "language": "how do the networks write on?"}
_MOST_LABELS = 12  # of a head that are named


@dataclass(frozen=True)
class Seed:
    """A trained network.

    score: on the test texts, accuracy or perplexity. is_median: whether its score on the validation
    texts is the median of its architecture's.
    """

    network: Playable
    score: float
    is_median: bool = False


@dataclass(frozen=True)
class Player:
    """An architecture that the page plays: the seed that stands for it first."""

    look: Look
    seeds: tuple[Seed, ...]

    @property
    def name(self) -> str:
        return self.look.architecture

    @property
    def cell(self) -> str:
        return self.seeds[0].network.architecture.cell


@dataclass(frozen=True)
class Example:
    """A text to choose. answers: the right label by the name of the head, nothing where unknown."""

    title: str
    text: str
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Play:
    """What a page plays with.

    rule: a sentence on what the right answers are. neutral: sentences to put between. beginnings: of
    texts, for language models. left_out: sentences on networks that are not played.
    """

    experiment: str
    players: tuple[Player, ...]
    texts: tuple[Example, ...] = ()
    rule: str = ""
    neutral: tuple[str, ...] = ()
    beginnings: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def can_play(cell: str) -> bool:
    """Return whether a script computes a cell."""
    return (_STEPS / f"{cell}.js").is_file()


def render_playground(play: Play) -> str | None:
    """Return the page, or None where no network can be played.

    It is as exact as its size allows, and names what had to be left out.
    """
    if not play.players:
        return None
    packer = Packer()
    networks = [[seed.network for seed in player.seeds] for player in play.players]
    frame = len(_render(compose(replace(play, players=()), packer, Precision(""))).encode())
    words = sum(len(as_script(one)) for one in _tokenizers(play))
    choice = fit(networks, frame + words, packer)
    return _render(compose(_chosen(play, choice), packer, choice.precision))


def _chosen(play: Play, choice: Choice) -> Play:
    """Return what fits, with sentences on what does not."""
    pairs = [*zip(play.players, choice.seeds, strict=True)]
    kept = tuple(replace(one, seeds=one.seeds[:count]) for one, count in pairs if count)
    reason = f"so that the page stays under {MOST_BYTES // 1_000_000} MB"
    said = []
    if lost := [one.name for one, count in pairs if not count]:
        said.append(f"Left out, {reason}: {join_names(lost)}.")
    seeds = [f"{p.name} seed {s.network.seed}" for p, n in pairs if n for s in p.seeds[n:]]
    if seeds:
        said.append(f"Further seeds left out, {reason}: {join_names(seeds)}.")
    return replace(play, players=kept, left_out=(*play.left_out, *said))


def compose(play: Play, packer: Packer, precision: Precision) -> dict[str, Any]:
    """Return the bundle that `Networks.open` of `networks.js` opens."""
    tokenizers = _tokenizers(play)
    return {
        "experiment": play.experiment,
        "task": "classify" if any(_heads(one) for one in play.players) else "language",
        "precision": precision.name,
        "left_out": list(play.left_out),
        "rule": play.rule,
        "texts": [
            {"title": one.title, "text": one.text, "answers": dict(one.answers)}
            for one in play.texts
        ],
        "neutral": list(play.neutral),
        "beginnings": list(play.beginnings),
        "tokenizers": tokenizers,
        "networks": [_network(one, tokenizers, packer, precision) for one in play.players],
    }


def _heads(player: Player) -> Any:
    return player.seeds[0].network.heads


def _tokenizers(play: Play) -> list[dict[str, Any]]:
    """Return the distinct tokenizers of all networks."""
    found: list[dict[str, Any]] = []
    for player in play.players:
        one = describe_tokenizer(player.seeds[0].network)
        if one not in found:
            found.append(one)
    return found


def describe_tokenizer(network: Playable) -> dict[str, Any]:
    """Return what `words.js` needs of a tokenizer: `vocabulary` in the order of the ids, and so on.

    merges: of BPE, the ids of both pieces of each, one after the other; `continued` begins a piece that
    continues a word. end: the token that ends the texts of a language model, or null.
    """
    tokenizer = json.loads(network.tokenizer)
    model, ids = tokenizer["model"], tokenizer["model"]["vocab"]
    merges = [ids[piece] for pair in model.get("merges", ()) for piece in _pair(pair)]
    special = [token["id"] for token in tokenizer["added_tokens"]]
    return {
        "vocabulary": sorted(ids, key=ids.__getitem__),
        "pattern": tokenizer["pre_tokenizer"]["pattern"]["Regex"],
        "merges": merges if model["type"] == "BPE" else None,
        "continued": model.get("continuing_subword_prefix"),
        "unknown": ids[model["unk_token"]],
        "end": special[_SPECIAL] if len(special) > _SPECIAL else None,
        "kept_ends": network.kept_ends,
    }


def _pair(merge: str | Sequence[str]) -> Sequence[str]:
    return merge.split(" ") if isinstance(merge, str) else merge


def _network(
    player: Player, tokenizers: list[dict[str, Any]], packer: Packer, precision: Precision
) -> dict[str, Any]:
    """Return an architecture, by the seed that stands for it; `alternatives` are the others."""
    first, *others = (
        {
            "seed": seed.network.seed,
            "run_id": seed.network.run_id,
            "is_median": seed.is_median,
            "score": seed.score if math.isfinite(seed.score) else None,
            **packer.pack(seed.network, precision),
        }
        for seed in player.seeds
    )
    network, look = player.seeds[0].network, player.look
    config = network.architecture
    cell = find_cell(config.cell)
    return {
        "name": player.name,
        "label": player.name,
        "color": look.colour,
        "dark_color": look.dark_colour,
        "mark": look.shape,
        "dash": list(look.dash),
        "tokenizer": tokenizers.index(describe_tokenizer(network)),
        "heads": [{"name": name, "labels": list(one)} for name, one in network.heads.items()],
        "cell": config.cell,
        "title": cell.title,
        "gates": list(cell.gates),
        "keep_gate": cell.keep_gate_name,
        "states": cell.states,
        "units": config.units,
        "num_layers": config.num_layers,
        "bidirectional": config.bidirectional,
        "readout": config.readout.name,
        **first,
        "alternatives": others,
    }


def _render(bundle: dict[str, Any]) -> str:
    steps = sorted({network["cell"] for network in bundle["networks"]})
    scripts = [*_LAYERS, *(f"cells/{cell}.js" for cell in steps), "networks.js"]
    return (
        make_environment(autoescape=True)
        .get_template("playground.html.j2")
        .render(
            title=f"{bundle['experiment']}: {_TITLES[bundle['task']]}",
            bundle=as_script(bundle),
            networks=_read(*scripts),
            script=_read(*_BEHAVIOUR),
            style=_read("page.css", "written.css", "playground.css"),
            invitation=_INVITATIONS[bundle["task"]],
            asked=_tell_asked(bundle["networks"]),
            rule=bundle["rule"],
            players=bundle["networks"],
            left_out=bundle["left_out"],
            precision=bundle["precision"],
        )
    )


def _tell_asked(networks: Sequence[dict[str, Any]]) -> str:
    """Say what networks were trained to answer; nothing of language models and of no networks."""
    heads = networks[0]["heads"] if networks else []
    told = "; ".join(f"{one['name']}: {_tell_labels(one['labels'])}" for one in heads)
    return f"They answer: {told}." if heads else ""


def _tell_labels(labels: Sequence[str]) -> str:
    if len(labels) > _MOST_LABELS:
        return f"{', '.join(labels[:_MOST_LABELS])} and {len(labels) - _MOST_LABELS} others"
    return join_names(labels, "or")


def _read(*names: str) -> Markup:
    return Markup("\n".join((_TEMPLATES / name).read_text(encoding="utf-8") for name in names))
