"""Networks as the store would give them, with weights drawn by chance, of any size."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.analysis.playable import Playable
from pipeline.cells import find_cell
from pipeline.config.schema import ArchitectureConfig
from pipeline.words import PATTERN, UNKNOWN

HEADS = {"sentiment": ("negative", "positive")}


def draw_playable(
    architecture: ArchitectureConfig,
    vocabulary: Sequence[str],
    *,
    heads: Mapping[str, Sequence[str]] = HEADS,
    seed: int = 0,
    kept_ends: tuple[int, int] | None = (0, 400),
) -> Playable:
    """Return a network with weights as they are after training: of embeddings mostly small ones.

    vocabulary: the words, without the two special tokens. heads: nothing makes it a language model with
    an `output` of its own.
    """
    rng = np.random.default_rng(seed)
    tokens = ["[PAD]", UNKNOWN, *vocabulary]
    width = architecture.units * (1 + architecture.bidirectional)
    sizes = [1 if len(classes) == 2 else len(classes) for classes in heads.values()]
    weights = {
        "embedding": _draw(rng, len(tokens), architecture.embedding_dim, 0.1),
        "layers": [
            _directions(rng, architecture, architecture.embedding_dim if not number else width)
            for number in range(architecture.num_layers)
        ],
        "heads": [{"kernel": _draw(rng, width, n, 0.5), "bias": _draw(rng, 1, n)} for n in sizes],
        "projection": None,
        "output": None if heads else _draw(rng, len(tokens), architecture.units, 0.1),
    }
    return Playable(
        run_id=f"{architecture.name} {seed}",
        seed=seed,
        architecture=architecture,
        heads=heads,
        tokenizer=_write_tokenizer(tokens),
        kept_ends=kept_ends,
        is_backward=False,
        weights=weights,
    )


def _directions(
    rng: np.random.Generator, architecture: ArchitectureConfig, features: int
) -> list[dict[str, np.ndarray]]:
    cell, units = find_cell(architecture.cell), architecture.units
    gates = len(cell.gates) * units
    return [
        {
            "kernel": _draw(rng, features, gates, 0.15),
            "recurrent": _draw(rng, units, gates, 0.12),
            "bias": _draw(rng, cell.biases, gates, 0.2),
        }
        for _ in range(1 + architecture.bidirectional)
    ]


def _draw(rng: np.random.Generator, rows: int, columns: int, spread: float = 0.1) -> np.ndarray:
    return rng.normal(0, spread, (rows, columns)).astype(np.float32)


def _write_tokenizer(tokens: Sequence[str]) -> str:
    """Return the JSON of a tokenizer of whole words, as the library writes it."""
    made: dict[str, Any] = {
        "added_tokens": [{"id": 0, "content": tokens[0]}, {"id": 1, "content": tokens[1]}],
        "pre_tokenizer": {"type": "Split", "pattern": {"Regex": PATTERN}},
        "model": {
            "type": "WordLevel",
            "vocab": {token: number for number, token in enumerate(tokens)},
            "unk_token": UNKNOWN,
        },
    }
    return json.dumps(made)
