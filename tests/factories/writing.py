"""What networks might have written, without networks, and a model that is a table."""

from __future__ import annotations

from dataclasses import dataclass, field

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


@dataclass
class TableReader:
    """Predict by a table of logits <float32>[V, V] from the token before; the state counts tokens."""

    table: np.ndarray
    rows: list[int] = field(default_factory=list)

    @property
    def vocab_size(self) -> int:
        return len(self.table)

    def start(self, batch: int) -> tuple[np.ndarray, ...]:
        return (np.zeros((batch, 1), np.float32),)

    def step(self, token_ids, states):
        self.rows.append(len(token_ids))
        assert (token_ids != 0).all()  # nothing is padded
        count = states[0] + token_ids.shape[1]
        return self.table[token_ids[:, -1]].astype(np.float32), (count,)

    def losses(self, inputs, targets):
        raise NotImplementedError

    last_losses = losses

    def select(self, states, rows):
        return tuple(state[np.asarray(rows)] for state in states)


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
