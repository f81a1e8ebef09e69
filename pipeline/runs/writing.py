"""Have trained language models write on from prompts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from pipeline.analysis.writing import (
    END_OF_TEXT,
    NetworkWriting,
    Writing,
    WrittenText,
    WrittenToken,
)
from pipeline.config.sampling import Sampling
from pipeline.errors import DataError, Failure
from pipeline.models.language_model import LanguageReader, open_language_model
from pipeline.models.sampling import Step, write_on
from pipeline.runs.networks import load_model
from pipeline.tokens.spelling import spell
from pipeline.tokens.vocabulary import CONTINUED, END
from pipeline.tracking import TrainedRun
from pipeline.words import UNKNOWN, count_words, cut_words

log = logging.getLogger(__name__)

_CONTEXT = 8  # tokens before a piece that decide how it is spelt

# What every language model of a sweep is asked to write: film reviews, from three beginnings and none.
PROMPTS = ("The plot of this film", "I watched this with", "The acting is", "")
SAMPLES = Sampling(temperature=0.8, length=60, samples=2)
_OPENING = 3  # words of a text that may be shown


@dataclass(frozen=True)
class TokenizedPrompt:
    """Hold a prompt as a network reads it.

    token_ids: <int32>[k]; unknown: the spans (start, end) that are not in its vocabulary.
    """

    token_ids: np.ndarray
    unknown: tuple[tuple[int, int], ...]

    @property
    def is_unknown(self) -> bool:
        """Return whether it has tokens, but none that is known."""
        return len(self.unknown) > 0 and len(self.unknown) == len(self.token_ids)


def write_texts(prompts: Sequence[str], runs: Sequence[TrainedRun], sampling: Sampling) -> Writing:
    """Return what each network writes after each prompt; the device must be prepared.

    Raises:
      DataError: nothing of a prompt is in any vocabulary.
      Failure: a run cannot write.
    """
    tokenizers = [run.tokenizer() for run in runs]
    read = [[tokenize_prompt(one, text) for text in prompts] for one in tokenizers]
    for place, prompt in enumerate(prompts):
        if all(by_network[place].is_unknown for by_network in read):
            raise DataError(
                f"no token of the prompt {prompt!r} is in the vocabulary of "
                f"{' or '.join(run.name for run in runs)}: give one with words from the training texts"
            )
    return Writing(
        tuple(prompts),
        sampling,
        tuple(_write(*one, sampling) for one in zip(runs, tokenizers, read, strict=True)),
    )


def _write(
    run: TrainedRun, tokenizer: Tokenizer, prompts: Sequence[TokenizedPrompt], sampling: Sampling
) -> NetworkWriting:
    log.info("Writing with %s", run.name)
    reader = open_language_model(load_model(run), run.config.architecture)
    check_vocabulary(reader, tokenizer, f"{run.name} (run {run.run_id})")
    return NetworkWriting(
        run.config.architecture,
        run.config.name,
        run.run_id,
        run.config.seed,
        tuple(prompt.unknown for prompt in prompts),
        write_all(reader, tokenizer, prompts, sampling),
    )


def check_vocabulary(reader: LanguageReader, tokenizer: Tokenizer, name: str) -> None:
    """Check that a vocabulary is that of a network.

    Raises:
      Failure: it is not.
    """
    size = tokenizer.get_vocab_size()
    if reader.vocab_size != size or tokenizer.token_to_id(END) is None:
        raise Failure(
            f"{name}: its vocabulary of {size:,} tokens does not fit its network, which knows "
            f"{reader.vocab_size:,}: restore its tokenizer.json, or train it again with rerun=true"
        )


def write_all(
    reader: LanguageReader,
    tokenizer: Tokenizer,
    prompts: Sequence[TokenizedPrompt],
    sampling: Sampling,
) -> tuple[tuple[WrittenText, ...], ...]:
    """Return what a model writes after each prompt: of each the samples."""
    end = tokenizer.token_to_id(END)
    assert end is not None  # see `check_vocabulary`
    written = write_on(reader, [prompt.token_ids for prompt in prompts], end, sampling)
    return tuple(
        tuple(_spell_text(tokenizer, prompt.token_ids, steps, end) for steps in texts)
        for prompt, texts in zip(prompts, written, strict=True)
    )


def tokenize_prompt(tokenizer: Tokenizer, prompt: str) -> TokenizedPrompt:
    tokenizer.encode_special_tokens = True  # the characters "[PAD]" in a prompt are not padding
    encoding = tokenizer.encode(prompt)
    unknown_id = tokenizer.token_to_id(UNKNOWN)
    tokens = zip(encoding.ids, encoding.offsets, strict=True)
    unknown = tuple(span for token_id, span in tokens if token_id == unknown_id)
    return TokenizedPrompt(np.array(encoding.ids, np.int32), unknown)


def _spell_text(
    tokenizer: Tokenizer, prompt: np.ndarray, steps: Sequence[Step], end: int
) -> WrittenText:
    """Return the written tokens as they read after a prompt."""
    ids = [*prompt.tolist(), *(step.token_id for step in steps if step.token_id != end)]
    pieces = spell(tokenizer, ids)[len(prompt) :]
    tokens = []
    for number, step in enumerate(steps):
        before = ids[: len(prompt) + number][-_CONTEXT:]
        likeliest = [token_id for token_id, _ in step.likeliest]
        ends = step.token_id == end
        tokens.append(
            WrittenToken(
                "" if ends else pieces[number],
                step.probability,
                tuple((_spell_one(tokenizer, before, one, end), p) for one, p in step.likeliest),
                likeliest.index(step.token_id) if step.token_id in likeliest else None,
                ends,
            )
        )
    return WrittenText(tuple(tokens))


def _spell_one(tokenizer: Tokenizer, before: list[int], token_id: int, end: int) -> str:
    if token_id == end:
        return END_OF_TEXT
    spelt = spell(tokenizer, [*before, token_id])[-1].strip() or "␣"
    return f"…{spelt}" if str(tokenizer.id_to_token(token_id)).startswith(CONTINUED) else spelt


def choose_prompts(tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[str, ...]:
    """Return the prompts of a sweep: `PROMPTS`, or where one is not known, how texts begin.

    texts: of validation; the most frequent beginnings of three words that are known are taken.
    """
    if not any(tokenize_prompt(tokenizer, prompt).unknown for prompt in PROMPTS):
        return PROMPTS
    chosen = []
    for opening, _ in Counter(map(_opening, texts)).most_common():
        if opening and not tokenize_prompt(tokenizer, opening).unknown:
            chosen.append(opening)
        if len(chosen) == len(PROMPTS) - 1:
            break
    return (*chosen, "")


def _opening(text: str) -> str:
    """Return at most the first three words of a text."""
    head = " ".join(text.split()[:_OPENING])
    return head if count_words(head) <= _OPENING else "".join(cut_words(head)[:_OPENING])


def draw_samples(
    reader: LanguageReader,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    sampling: Sampling = SAMPLES,
) -> pd.DataFrame:
    """Return what a model writes: prompt, sample (its number), and text, which follows the prompt."""
    read = [tokenize_prompt(tokenizer, prompt) for prompt in prompts]
    rows = [
        (prompt, number, str(text))
        for prompt, texts in zip(prompts, write_all(reader, tokenizer, read, sampling), strict=True)
        for number, text in enumerate(texts)
    ]
    return pd.DataFrame(rows, columns=["prompt", "sample", "text"])
