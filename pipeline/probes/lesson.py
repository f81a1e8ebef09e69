"""Read the sentence of the lesson word by word: class probabilities and gates after each word."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipeline.analysis.explanation import GateReading, HeadReading
from pipeline.config.probes import ProbeConfig
from pipeline.data.lexicon import LESSON
from pipeline.probes.frame import ProbeResult, Skipped, Subject
from pipeline.probes.reading import cut_words, follow_head, read_gates, read_prefixes

ANSWER, GATE = "answer", "gate"


def measure_lesson(subject: Subject, config: ProbeConfig) -> ProbeResult:
    """Read `lexicon.LESSON`, whatever the network was trained on.

    The table has a row for each word and measure. measure: `answer`, with value the probability of the
    class `name` of `head` after that word; or `gate`, with value the mean over units of the gate `name`
    in `layer` and `direction`. Words that are not in the vocabulary are marked unknown.

    Raises:
      Skipped: the subject is not a network.
    """
    network = subject.network
    if network is None:
        raise Skipped("it is not a network")
    words = cut_words(LESSON, subject.tokenizer)
    ends = np.flatnonzero(np.append(words.places[1:] != words.places[:-1], True))
    count = len(words.spans)
    logits = read_prefixes(words.token_ids, ends + 1, network)
    heads = [
        follow_head(head, values, words.places[ends], count)
        for head, values in zip(subject.heads, logits, strict=True)
    ]
    shown = pd.DataFrame(
        {
            "place": np.arange(count),
            "word": [LESSON[start:end] for start, end in words.spans],
            "unknown": np.isin(np.arange(count), words.places[words.unknown]),
        }
    )
    gates = read_gates(network, words.token_ids, words.places, count)
    table = pd.concat(
        [
            *(_answer_rows(shown, head) for head in heads),
            *(_gate_rows(shown, one) for one in gates),
        ],
        ignore_index=True,
    )
    return ProbeResult(
        "lesson",
        table,
        {f"{head.name}_{head.answer}": head.answer_probability for head in heads},
        {head.name: f"{head.answer} ({head.answer_probability:.2f})" for head in heads},
    )


def _answer_rows(shown: pd.DataFrame, head: HeadReading) -> pd.DataFrame:
    return shown.assign(
        measure=ANSWER, head=head.name, name=head.followed, value=head.probabilities
    )


def _gate_rows(shown: pd.DataFrame, gate: GateReading) -> pd.DataFrame:
    return shown.assign(
        measure=GATE, name=gate.name, layer=gate.layer, direction=gate.direction, value=gate.values
    )
