"""What networks might have written, without networks."""

from __future__ import annotations

import numpy as np

from pipeline.analysis.writing import (
    END_OF_TEXT,
    NetworkWriting,
    Writing,
    WrittenText,
    WrittenToken,
)
from pipeline.config.sampling import Sampling
from pipeline.config.schema import ArchitectureConfig

WORDS = (
    " is very good , and I can say that it was one of the best films that I have seen in a long time"
    " . The acting isn't bad either : everyone in it is great , and so is the music ."
).split(" ")[1:]


def make_text(
    words: list[str] | tuple[str, ...] = tuple(WORDS), *, ends: bool = True, seed: int = 0
) -> WrittenText:
    """Return a text with random probabilities, of which the written word is at times the likeliest."""
    rng = np.random.default_rng(seed)
    tokens = []
    for word in words:
        shares = np.sort(rng.dirichlet(np.full(8, 0.3)))[::-1]
        place = int(rng.integers(0, 7))
        others = list(rng.choice(np.array(WORDS, dtype=object), 5))
        if place < 5:
            others[place] = word
        told = tuple(zip(map(str, others), shares[:5].tolist(), strict=True))
        piece = word if word in ".,:" else f" {word}"
        at = place if place < 5 else None
        tokens.append(WrittenToken(piece, float(shares[place]), told, at))
    if ends:
        told = ((END_OF_TEXT, 0.4), ("the", 0.2))
        tokens.append(WrittenToken("", 0.4, told, 0, ends=True))
    return WrittenText(tuple(tokens))


def make_writing(
    prompts: tuple[str, ...] = ("The plot of this zyzzyva film", ""),
    cells: tuple[str, ...] = ("simple_rnn", "gru", "lstm"),
    samples: int = 2,
    words: list[str] | tuple[str, ...] = tuple(WORDS),
) -> Writing:
    unknown = tuple(
        ((at, at + len("zyzzyva")),) if (at := prompt.find("zyzzyva")) >= 0 else ()
        for prompt in prompts
    )
    networks = tuple(
        NetworkWriting(
            ArchitectureConfig(name=cell, cell=cell, units=8, embedding_dim=8),
            "language",
            f"{number}" * 32,
            number,
            unknown,
            tuple(
                tuple(
                    make_text(words, ends=sample == 0, seed=100 * number + 10 * place + sample)
                    for sample in range(samples)
                )
                for place in range(len(prompts))
            ),
        )
        for number, cell in enumerate(cells)
    )
    return Writing(prompts, Sampling(samples=samples), networks)
