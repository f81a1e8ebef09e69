"""Declare what a network may be trained to do: classify texts, or predict the next token."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING

from pipeline.config.fields import count, optional_count, setting
from pipeline.config.texts import START

FULL_UP_TO = 4_000  # tokens of a vocabulary for which `softmax=auto` computes all of them


class Direction(Enum):
    """Choose in which order a language model reads a text."""

    forward = "forward"
    backward = "backward"  # from the end, predicting what came before


class Softmax(Enum):
    """Choose over which tokens the loss of a training step is normalised."""

    auto = "auto"  # full for a small vocabulary, else sampled
    full = "full"
    sampled = "sampled"


class Proposal(Enum):
    """Choose how the candidates of a sampled softmax are drawn."""

    unigram = "unigram"  # by the power 0.75 of their frequency: Mikolov et al. 2013
    log_uniform = "log_uniform"  # by their rank: Zipf's law


@dataclass
class TaskConfig:
    """Configure a task. All runs of a sweep share it."""

    kind: str = MISSING

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the dotted keys that have no effect on this task."""
        return ()


@dataclass
class ClassifyConfig(TaskConfig):
    """Classify texts by the labels of the data, or solve the adding problem of `data=adding`."""

    kind: str = "classify"

    @property
    def unused(self) -> tuple[str, ...]:
        return ("architecture.tie_embeddings",)


@dataclass
class LanguageConfig(TaskConfig):
    """Predict each token of a text from those before it.

    The texts are joined, each ended by a token of its own, and cut into as many streams as
    `train.batch_size` says. A step reads `bptt` tokens of each stream, and the next step continues with
    the state that the network then has (truncated backpropagation through time).

    What `of_network` marks has no effect on the baseline.
    """

    kind: str = "language"
    direction: Direction = setting(
        Direction.forward, about="read texts from the start, or backward from the end"
    )
    bptt: int = count(64, of_network=True, about="tokens of each stream in a training step")
    reset_state: bool = setting(
        True,
        of_network=True,
        about="begin every text with a state of zeros, not with that of the text before it",
    )
    softmax: Softmax = setting(
        Softmax.auto,
        of_network=True,
        about="the loss of training: over the whole vocabulary, over sampled candidates, or auto: "
        f"sampled for more than {FULL_UP_TO} tokens; validation and test are always over all",
    )
    candidates: int = count(
        1_024, 2, of_network=True, about="tokens that a sampled softmax draws in each step"
    )
    proposal: Proposal = setting(
        Proposal.unigram,
        of_network=True,
        about="how candidates are drawn: by frequency to the power 0.75, or by rank",
    )
    unlabelled: bool = setting(
        True, about="train on the unlabelled texts of the data too, where there are some"
    )
    steps_per_validation: int | None = optional_count(
        None,
        of_network=True,
        about="training steps between validations, after each of which a run can be resumed; null: a "
        "tenth of an epoch, and 100 to 1000",
    )
    validation_tokens: int = count(
        100_000,
        100,
        about="tokens of the texts drawn to validate on, about; fewer if there are fewer",
    )
    test_tokens: int = count(
        1_000_000,
        100,
        about="tokens of the texts drawn to test on, about; fewer if there are fewer",
    )

    @property
    def is_backward(self) -> bool:
        return self.direction == Direction.backward

    @property
    def unused(self) -> tuple[str, ...]:
        """Return the settings of classifiers: what is read of a text, and how it is read out."""
        cut = ("tokenizer.max_length", "tokenizer.keep", "data.length_edges")
        of_heads = ("architecture.readout", "train.head_epochs", "train.layer_decay")
        return (*cut, *of_heads, *START)


TASKS = {"classify": ClassifyConfig, "language": LanguageConfig}
