"""Training of language models: it learns, carries its state, resumes inside an epoch, and is tested."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from factories import CELLS
from factories.language import bigram
from factories.language_networks import END_ID, encode_by_spaces, make_language_network

from pipeline.config.schema import TrainConfig
from pipeline.config.tasks import Direction, LanguageConfig, Softmax
from pipeline.training.language import LanguageModelling, LanguageRecord, plan_language
from pipeline.training.loop import Outcome, train
from pipeline.training.perplexity import draw_test, evaluate_language, read_losses

SENTENCE = "the film that nobody saw was the one that everybody praised"


class Silent:
    def on_resume(self, records):
        pass

    def on_batch(self, period, tokens, loss):
        pass

    def on_period(self, record):
        pass


class Killed(Exception):
    pass


class KilledAfter(Silent):
    def __init__(self, periods):
        self.left = periods

    def on_period(self, record):
        self.left -= 1
        if not self.left:
            raise Killed


def _task(tokens, network, *, epochs=1, batch_size=4, seed=0, **settings):
    given: dict[str, Any] = {"bptt": 8, "steps_per_validation": 10} | settings
    config = TrainConfig(epochs=epochs, batch_size=batch_size, learning_rate=1e-2, patience=10**6)
    return LanguageModelling(
        tokens, network.model, network.architecture, LanguageConfig(**given), config, seed, 0
    )


def _train(tokens, network, watcher=None, checkpoint=None, **settings):
    task = _task(tokens, network, **settings)
    return train(network.model, task, watcher or Silent(), task.forward, checkpoint)


def _write(network, tokens, length=20):
    """Write the likeliest tokens from the beginning of a text."""
    states, token, written = network.start(1), END_ID, []
    while len(written) < length:
        logits, states = network.step(np.array([[token]], np.int32), states)
        token = int(logits[0].argmax())
        if token == END_ID:
            break
        written.append(tokens.tokenizer.id_to_token(token))
    return " ".join(written)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("softmax", [Softmax.full, Softmax.sampled])
def test_a_network_trained_on_one_sentence_writes_it(cell, softmax):
    tokens = encode_by_spaces([SENTENCE] * 200)
    network = make_language_network(len(tokens.counts), cell=cell, name=cell)
    result = _train(tokens, network, epochs=3, softmax=softmax, candidates=8)
    assert result.outcome == Outcome.finished
    assert _write(network, tokens) == SENTENCE
    assert result.history.val_loss.iloc[-1] < 0.1 < result.history.val_loss.iloc[0]


def test_backward_it_writes_it_from_the_end():
    tokens = encode_by_spaces([SENTENCE] * 200)
    network = make_language_network(len(tokens.counts))
    _train(tokens, network, epochs=3, direction=Direction.backward)
    assert _write(network, tokens) == " ".join(reversed(SENTENCE.split()))


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
def test_every_weight_moves(tied, layers):
    tokens = encode_by_spaces([SENTENCE] * 20)
    network = make_language_network(
        len(tokens.counts), tie_embeddings=tied, num_layers=layers, dropout=0.2
    )
    before = network.model.get_weights()
    _train(tokens, network)
    for old, new in zip(before, network.model.get_weights(), strict=True):
        assert not np.array_equal(old, new)


@pytest.mark.parametrize("softmax", [Softmax.full, Softmax.sampled])
def test_a_run_killed_inside_an_epoch_is_resumed_with_the_same_result(tmp_path, softmax):
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(30)]
    texts = [" ".join(rng.choice(words, rng.integers(1, 30))) for _ in range(150)]
    tokens = encode_by_spaces(texts)
    settings = {"epochs": 2, "softmax": softmax, "candidates": 8}

    def network():
        return make_language_network(len(tokens.counts), dropout=0.3)

    whole = network()
    expected = _train(tokens, whole, **settings)
    assert len(expected.history) > 8  # several in each epoch
    for killed_after in (1, 3, len(expected.history) - 1):
        checkpoint = tmp_path / f"{killed_after}.npz"
        with pytest.raises(Killed):
            _train(tokens, network(), KilledAfter(killed_after), checkpoint, **settings)
        resumed = network()
        result = _train(tokens, resumed, checkpoint=checkpoint, **settings)
        numbers = ["step", "tokens", "train_loss", "val_loss"]
        np.testing.assert_array_equal(result.history[numbers], expected.history[numbers])
        for one, other in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("reset", [True, False])
def test_the_state_of_a_text_enters_the_next_only_if_it_is_not_reset(reset):
    tokens = encode_by_spaces(["a b", "c d"] * 20)
    network = make_language_network(len(tokens.counts))
    task = _task(tokens, network, reset_state=reset)
    ids = np.array([[END_ID, 3, 4, END_ID, 5, 6, END_ID, 3]] * 4, np.int32)
    states = [np.full((4, 16), 0.5, np.float32)] * 2
    features, *_ = task.forward((ids, states))
    alone, *_ = task.forward((ids[:, 3:], [np.zeros((4, 16), np.float32)] * 2))
    assert np.allclose(features[3:], alone, atol=1e-6) == reset


def test_a_step_begins_with_the_state_that_the_step_before_left_and_an_epoch_with_none():
    tokens = encode_by_spaces(["a b c d e f g h i j"] * 20)
    network = make_language_network(len(tokens.counts))
    task = _task(tokens, network, bptt=4, epochs=2, reset_state=False)

    def read(records):
        """Yield the states at the start of each step, and those after it."""
        for batch in task.batches(records):
            _, *after = task.forward(batch.inputs)
            yield [np.array(state) for state in batch.inputs[1]], [np.array(one) for one in after]
            task.on_step(after)

    steps = [*read([])]
    assert len(steps) > 3
    for (_, left), (begun, _) in itertools.pairwise(steps):
        np.testing.assert_array_equal(begun, left)
        assert np.abs(begun).max() > 0
    assert not np.any(steps[0][0])
    done = LanguageRecord(task.schedule.steps_per_epoch, 0, 0.0, 0.0, 0.0)
    begun, _ = next(read([done]))
    assert not np.any(begun)


def test_what_is_not_set_follows_from_the_number_of_tokens():
    imdb = plan_language(TrainConfig(), LanguageConfig(), 19_500_000)
    assert (imdb.epochs, imdb.batch_size, imdb.steps_per_epoch) == (1, 64, 4_761)
    assert (imdb.steps_per_validation, imdb.patience) == (477, 5)
    few = plan_language(TrainConfig(), LanguageConfig(), 300)
    assert (few.batch_size, few.steps_per_epoch, few.steps_per_validation) == (37, 1, 100)
    assert few.epochs == 2_000
    tiny = plan_language(TrainConfig(), LanguageConfig(), 5)
    assert (tiny.batch_size, tiny.steps_per_epoch) == (1, 1)
    given = TrainConfig(epochs=3, batch_size=8, patience=5)
    kept = plan_language(given, LanguageConfig(bptt=10, steps_per_validation=7), 8_000)
    assert (kept.epochs, kept.batch_size, kept.patience) == (3, 8, 5)
    assert (kept.steps_per_epoch, kept.steps_per_validation, kept.steps) == (100, 7, 300)


def test_training_ends_when_validation_does_not_improve():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcdefgh"), 20)) for _ in range(60)]
    tokens = encode_by_spaces(texts[:30], texts[30:])
    network = make_language_network(len(tokens.counts))
    task = _task(tokens, network, epochs=500)
    task.schedule = plan_language(
        TrainConfig(epochs=500, batch_size=4, patience=4), task.task, len(tokens.train.token_ids)
    )
    result = train(network.model, task, Silent(), task.forward)
    assert result.ended == "no better validation loss for 4 validations"
    assert result.best == len(result.history) - 4
    held = read_losses(network, tokens.validation, END_ID).mean()
    assert held == pytest.approx(result.history.val_loss.min(), rel=1e-6)


def test_texts_are_tested_by_perplexity_and_bits_per_character():
    tokens = encode_by_spaces(["a b c d", "a b"], test=["a b", "", "d x c", "a"])
    network = make_language_network(len(tokens.counts))
    network.model.get_layer("output").embeddings.assign(np.zeros((len(tokens.counts), 16)))
    test = evaluate_language(network, tokens, np.array([0, 1, 2]))
    vocabulary = len(tokens.counts)
    assert test.losses.tokens.tolist() == [3, 1, 4]
    assert test.losses.unknown.tolist() == [0, 0, 1]
    assert test.losses.characters.tolist() == [3, 0, 5]
    np.testing.assert_allclose(
        test.losses.nats, np.array([3, 1, 4]) * math.log(vocabulary), rtol=1e-6
    )
    assert test.metrics["perplexity"] == pytest.approx(vocabulary, rel=1e-6)
    assert test.metrics["bits_per_character"] == pytest.approx(math.log2(vocabulary), rel=1e-6)


def test_a_table_of_pairs_has_the_perplexity_of_its_counts():
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(list("abcd"), rng.integers(1, 9))) for _ in range(60)]
    tokens = encode_by_spaces(texts)
    counts = np.zeros((len(tokens.counts),) * 2)
    for text in range(len(texts)):
        row = tokens.test.row(text)
        np.add.at(counts, (np.concatenate([[END_ID], row[:-1]]), row), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    expected = -np.sum(counts[counts > 0] * np.log(shares[counts > 0])) / counts.sum()
    counts[:3] += np.eye(len(counts))[:3] * (counts[:3].sum(axis=1) == 0)[:, None]  # never read
    test = evaluate_language(bigram(counts), tokens, np.arange(len(texts)))
    assert test.metrics["loss"] == pytest.approx(expected, rel=1e-6)
    assert test.metrics["perplexity"] == pytest.approx(math.exp(expected), rel=1e-6)


def test_every_model_is_tested_on_the_same_texts():
    tokens = encode_by_spaces(["a b c"] * 100)
    rows = draw_test(tokens, 40, 0)
    assert len(rows) == 10
    np.testing.assert_array_equal(rows, draw_test(tokens, 40, 0))
    assert set(rows) != set(draw_test(tokens, 40, 1))
