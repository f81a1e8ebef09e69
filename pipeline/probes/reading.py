"""Explain how a network reads a text, word by word.

The probability after a word is that of the text up to that word, read separately, because the backward
direction of a bidirectional network starts at a different word each time. The gates are those of the
whole text.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logsumexp
from tokenizers import Tokenizer

from pipeline.analysis.explanation import GateReading, HeadReading, NetworkReading
from pipeline.cells import find_cell
from pipeline.config.schema import Keep, RunConfig, TokenizerConfig
from pipeline.data.splits import Head, predicted_classes
from pipeline.probes.frame import Network
from pipeline.probes.trace import DIRECTIONS, can_trace, reverse_backward, trace
from pipeline.tokens.batches import ordered_batches
from pipeline.tokens.split import EncodedSplit, truncate_split
from pipeline.words import UNKNOWN, word_spans

_BATCH_SIZE = 64


@dataclass(frozen=True)
class Words:
    """Hold the words of a text and their tokens.

    spans: <int>[words, 2], the start and end of each word in the text; token_ids: <int32>[tokens];
    places: <int>[tokens], the index of the word of each token; unknown: <bool>[tokens].
    """

    spans: np.ndarray
    token_ids: np.ndarray
    places: np.ndarray
    unknown: np.ndarray


def cut_words(text: str, tokenizer: Tokenizer) -> Words:
    """Split a text into words, the same for every tokenizer of this project.

    A token between words, such as a space of a tokenizer of characters, belongs to the word after it, at
    the end of a text to the last.
    """
    tokenizer.encode_special_tokens = True  # the characters "[PAD]" in a text are not padding
    encoding = tokenizer.encode(text)
    token_ids = np.array(encoding.ids, dtype=np.int32)
    spans = np.array(word_spans(text), dtype=np.int64).reshape(-1, 2)
    if not len(spans):
        token_ids = token_ids[:0]
    starts = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)[: len(token_ids), 0]
    places = np.searchsorted(spans[:, 1], starts, side="right").clip(max=max(len(spans) - 1, 0))
    return Words(spans, token_ids, places, token_ids == tokenizer.token_to_id(UNKNOWN))


def read_words(
    words: Words, network: Network, heads: tuple[Head, ...], config: RunConfig, run_id: str
) -> NetworkReading:
    """Return probabilities and gates of a network after each word of a text.

    A text longer than `max_length` tokens is truncated as in training.
    """
    count = len(words.spans)
    kept = _kept(len(words.token_ids), config.tokenizer)
    token_ids, places = words.token_ids[kept], words.places[kept]
    ends = np.flatnonzero(np.append(places[1:] != places[:-1], True))
    logits = read_prefixes(token_ids, ends + 1, network)
    return NetworkReading(
        architecture=config.architecture,
        experiment=config.name,
        run_id=run_id,
        seed=config.seed,
        heads=tuple(
            follow_head(head, values, places[ends], count)
            for head, values in zip(heads, logits, strict=True)
        ),
        gates=read_gates(network, token_ids, places, count),
        unread=~np.isin(np.arange(count), places),
        unknown=np.isin(np.arange(count), words.places[words.unknown]),
        notes=_notes(words, len(kept), config.tokenizer),
    )


def read_prefixes(token_ids: np.ndarray, lengths: np.ndarray, network: Network) -> list[np.ndarray]:
    """Return the logits of each head after each number of tokens, <float64>[n + 1, outputs].

    lengths: <int>[n], the numbers of tokens. The first row has the logits of an empty text, which are
    the bias of the head, because all features of a zero state are 0.
    """
    ids = np.concatenate([token_ids[:length] for length in lengths])
    prefixes = _without_labels(ids, np.concatenate([[0], np.cumsum(lengths)]))
    layers = [network.model.get_layer(name) for name in network.model.output_names]
    logits = [np.repeat(layer.bias.numpy()[None], len(lengths) + 1, axis=0) for layer in layers]
    for batch in ordered_batches(prefixes, _BATCH_SIZE):
        # Without a tf.function: tracing takes longer than reading a sentence.
        for place, values in zip(logits, network.forward(batch.token_ids), strict=True):
            place[batch.rows + 1] = values.numpy()
    return [values.astype(np.float64) for values in logits]


def follow_head(head: Head, logits: np.ndarray, places: np.ndarray, count: int) -> HeadReading:
    """Return the probability of a class of a head after each of `count` words, and its changes.

    places: <int>[n], the words that precede the logits <float>[n + 1, outputs] after the first.
    """
    chosen = int(predicted_classes([logits[-1:]])[0, 0])
    if head.outputs == 1:
        followed, against = head.classes[1], head.classes[0]
        log_odds = logits[:, 0]
    else:
        followed, against = head.classes[chosen], None
        log_odds = logits[:, chosen] - logsumexp(np.delete(logits, chosen, axis=1), axis=1)
    return HeadReading(
        name=head.name,
        followed=followed,
        against=against,
        answer=head.classes[chosen],
        probabilities=_scatter(expit(log_odds[1:]), places, count),
        changes=_scatter(np.diff(log_odds), places, count),
    )


def read_gates(
    network: Network, token_ids: np.ndarray, places: np.ndarray, count: int
) -> tuple[GateReading, ...]:
    """Return the gates of every layer and direction at each of `count` words; none if ungated.

    places: <int>[tokens], the index of the word of each token.
    """
    name = find_cell(network.architecture.cell).keep_gate_name
    if name is None or not can_trace(network.architecture):
        return ()
    layers = trace(network.model, network.architecture, token_ids[None]).layers
    tokens = np.bincount(places, minlength=count)
    read = np.flatnonzero(tokens)
    gates = []
    for number, layer in enumerate(layers, start=1):
        means = reverse_backward(layer.keep_gates.mean(axis=(2, 3)))  # [T, D]
        for direction, values in zip(DIRECTIONS, means.T, strict=False):
            sums = np.bincount(places, weights=values, minlength=count)
            by_word = _scatter(sums[read] / tokens[read], read, count)
            gates.append(GateReading(name, number, direction, by_word))
    return tuple(gates)


def _scatter(values: np.ndarray, places: np.ndarray, count: int) -> np.ndarray:
    """Return the values of some words and NaN for all others, <float64>[count]."""
    scattered = np.full(count, np.nan)
    scattered[places] = values
    return scattered


def _kept(count: int, config: TokenizerConfig) -> np.ndarray:
    """Return the indices of the tokens, out of `count`, that remain after truncation."""
    whole = _without_labels(np.arange(count), np.array([0, count]))
    return truncate_split(whole, config.max_length, config.keep).row(0)


def _without_labels(token_ids: np.ndarray, offsets: np.ndarray) -> EncodedSplit:
    lengths = np.diff(offsets).astype(np.int32)
    labels = np.zeros((len(lengths), 0), dtype=np.int32)
    return EncodedSplit(token_ids, offsets, lengths, labels, np.arange(len(lengths)))


_PARTS = {
    Keep.tail: "the last {}",
    Keep.head: "the first {}",
    Keep.both: "the first and last, together {},",
}


def _notes(words: Words, kept: int, config: TokenizerConfig) -> tuple[str, ...]:
    notes = []
    if kept < len(words.token_ids):
        part = _PARTS[config.keep].format(f"{kept:,}")
        notes.append(
            f"reads {part} of {len(words.token_ids):,} tokens, as in training "
            f"(max_length={config.max_length}, keep={config.keep.name})"
        )
    unknown = len(np.unique(words.places[words.unknown]))
    if words.unknown.all():
        notes.append(
            "knows none of these words, so it cannot tell this text from others of the same length"
        )
    elif unknown:
        notes.append(f"does not know {unknown} of the {len(words.spans):,} words")
    return tuple(notes)
