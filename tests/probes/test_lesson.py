"""Test the reading of the sentence of the lesson."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from factories import PRESETS, read_preset
from factories.networks import make_subject

from pipeline.analysis.frames import rows_of
from pipeline.config.probes import ProbeConfig
from pipeline.data.lexicon import LESSON
from pipeline.probes import Skipped
from pipeline.probes.lesson import measure_lesson


@pytest.mark.parametrize("name", PRESETS)
def test_every_word_has_the_answer_up_to_there_and_the_gates_of_each_layer(name: str) -> None:
    config = read_preset(name, units=6, embedding_dim=5)
    subject = make_subject(config)
    result = measure_lesson(subject, ProbeConfig())
    head, *further = subject.heads
    answers = result.table[result.table.measure == "answer"]
    assert set(answers["head"]) == {head.name, *(one.name for one in further)}
    answers = answers[answers["head"] == head.name]
    assert "".join(answers.word) == LESSON.replace(" ", "")
    assert set(answers.name) == {head.classes[1]}
    for row in rows_of(answers[answers.place % 5 == 0]):
        read = LESSON[: _end_of(row.place, list(answers.word))]
        logits = subject.reader.read([read])[0]
        assert row.value == pytest.approx(1 / (1 + np.exp(-logits[0, 0])), abs=1e-4)
    gates = result.table[result.table.measure == "gate"]
    gated = 0 if "simple_rnn" in name else config.num_layers * (1 + config.bidirectional)
    assert len(gates) == gated * len(answers)
    assert gates.value.between(0, 1).all()


def _end_of(place: int, words: list[str]) -> int:
    end = 0
    for word in words[: place + 1]:
        end = LESSON.index(word, end) + len(word)
    return end


def test_a_subject_without_a_network_is_skipped() -> None:
    subject = make_subject(read_preset("lstm", units=6, embedding_dim=5))
    with pytest.raises(Skipped, match="not a network"):
        measure_lesson(dataclasses.replace(subject, network=None), ProbeConfig())
