"""Learn a vocabulary, encode the texts of all splits with it, and keep both in a cache.

Texts are encoded whole, into a file that training maps into memory.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import tokenizers
from tokenizers import Tokenizer

from pipeline.config.schema import VOCAB_SIZE, TokenizerConfig
from pipeline.data.progress import watched
from pipeline.data.splits import Reviews
from pipeline.files import cached
from pipeline.tokens.split import EncodedSplit
from pipeline.tokens.vocabulary import END, MIN_FREQUENCY, train_tokenizer, unknown_id
from pipeline.words import CHUNK, PATTERN, count_all_words, encode_in_chunks

log = logging.getLogger(__name__)

# Increase it when the content of a cache changes, so that older ones are ignored.
_CACHE_VERSION = 4


@dataclass(frozen=True)
class EncodedTexts:
    """Hold the splits by name, in whole texts, and the tokenizer that encoded them.

    fingerprint: of the texts and the tokenizer's settings.
    """

    tokenizer: Tokenizer
    splits: dict[str, EncodedSplit]
    fingerprint: str


def encode_once(
    splits: Mapping[str, Reviews],
    fingerprint: str,
    config: TokenizerConfig,
    cache: Path,
    *,
    ended: bool = False,
    tokenizer: Tokenizer | None = None,
) -> EncodedTexts:
    """Return every split as token ids, from the cache if possible; the vocabulary is that of `train`.

    Parallel processes wait for the first to fill the cache; a damaged entry is rebuilt.

    Parameters:
      fingerprint: of all texts.
      ended: end every text with the token `END`, which stands in the vocabulary then.
      tokenizer: encodes the texts, with its own vocabulary; None: one that is trained on `train`.
    """
    entry = _fingerprint(fingerprint, config, ended, tokenizer)
    used, encoded = cached(
        cache / "encodings" / entry,
        lambda place: _read(place, splits),
        lambda place: _write(place, splits, config, ended, tokenizer),
    )
    return EncodedTexts(used, encoded, entry)


def _fingerprint(
    texts: str, config: TokenizerConfig, ended: bool, tokenizer: Tokenizer | None
) -> str:
    size = config.vocab_size or [VOCAB_SIZE, MIN_FREQUENCY]
    settings = [_CACHE_VERSION, texts, config.kind.name, size, PATTERN, ended]
    settings.append(tokenizers.__version__)
    settings += [tokenizer.to_str()] if tokenizer is not None else []
    return hashlib.blake2b(json.dumps(settings).encode(), digest_size=16).hexdigest()


def _write(
    folder: Path,
    splits: Mapping[str, Reviews],
    config: TokenizerConfig,
    ended: bool,
    tokenizer: Tokenizer | None,
) -> None:
    started = time.perf_counter()
    folder.mkdir()
    if tokenizer is None:
        tokenizer = train_tokenizer(splits["train"].texts, config, ended=ended)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, reviews in splits.items():
        _write_split(folder, name, reviews.texts, tokenizer, ended)
    log.info(
        "Encoded %s texts with a vocabulary of %s in %.1f s",
        f"{sum(map(len, splits.values())):,}",
        f"{tokenizer.get_vocab_size():,}",
        time.perf_counter() - started,
    )


def _write_split(
    folder: Path, name: str, texts: list[str], tokenizer: Tokenizer, ended: bool
) -> None:
    """Write the token ids as they come: those of a million texts would not fit into the memory."""
    lengths = []
    end = tokenizer.token_to_id(END)
    # A classifier that reads with the vocabulary of a language model does not end its texts.
    ending = [end] if ended and end is not None else []
    chunks = encode_in_chunks(tokenizer, texts, [unknown_id(tokenizer)], ending)
    total = math.ceil(len(texts) / CHUNK)
    with (folder / f"{name}.token_ids.npy").open("wb") as file:
        _write_header(file, 0)
        begins = file.tell()
        for ids, found in watched(chunks, total, f"Encoding {name}", step=1):
            ids.tofile(file)
            lengths.append(found)
        file.seek(0)
        offsets = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
        _write_header(file, int(offsets[-1]))
        assert file.tell() == begins
    np.save(folder / f"{name}.offsets.npy", offsets)
    np.save(folder / f"{name}.words.npy", count_all_words(texts))


def _write_header(file: BinaryIO, size: int) -> None:
    """Write NumPy's header of an array <int32>[size], which takes the same room for every size."""
    described = {"shape": (size,), "fortran_order": False, "descr": "<i4"}
    np.lib.format.write_array_header_1_0(file, described)


def _read(folder: Path, splits: Mapping[str, Reviews]) -> tuple[Tokenizer, dict[str, EncodedSplit]]:
    """Return what `_write` wrote."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.encode_special_tokens = True  # which no file says: "[END]" in a text ends nothing
    return tokenizer, {name: _open_split(folder, name, reviews) for name, reviews in splits.items()}


def _open_split(folder: Path, name: str, reviews: Reviews) -> EncodedSplit:
    token_ids = np.load(folder / f"{name}.token_ids.npy", mmap_mode="r")
    offsets = np.load(folder / f"{name}.offsets.npy")
    words = np.load(folder / f"{name}.words.npy")
    return EncodedSplit(token_ids, offsets, words, reviews.labels, reviews.ids)
