"""Networks answer in the browser what they answer in Keras, from the file in which Keras saved them.

Skipped where Chromium is not installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("playwright", reason="Playwright is not installed (pip install '.[dev]')")

from chromium import open_chromium, visit
from factories import CELLS
from factories.networks import HEADS
from factories.odd_texts import known_words, odd_texts
from tokenizers import Tokenizer

from pipeline.analysis.playable import Playable
from pipeline.cells import find_cell
from pipeline.config.schema import ArchitectureConfig, Readout, TokenizerConfig
from pipeline.data.cleaning import clean_text
from pipeline.models.architectures import build_model
from pipeline.models.language_model import build_language_model
from pipeline.probes.trace import reverse_backward, trace
from pipeline.report.bundle import COARSER, EXACT, Precision
from pipeline.report.fitting import Packer
from pipeline.report.look import look_of_baseline
from pipeline.report.playground import Play, Player, Seed, can_play, compose, render_playground
from pipeline.tokens.encoding import encode_texts
from pipeline.tokens.split import EncodedSplit, truncate_split
from pipeline.tokens.vocabulary import END, train_tokenizer
from pipeline.tracking.playable import read_weights

pytestmark = pytest.mark.browser

TEXTS = odd_texts()
LENGTH = 24  # tokens that are read of a text
SHAPES = [
    {"bidirectional": both, "num_layers": layers} for both in (False, True) for layers in (1, 2)
]
PLAYED = [*filter(can_play, CELLS)]
# Every cell in every shape, and every cell with every readout.
SETTINGS = [
    *({"cell": cell, **shape} for cell in PLAYED for shape in SHAPES),
    *(
        {"cell": cell, **SHAPES[-1], "readout": readout}
        for cell in PLAYED
        for readout in Readout
        if readout != Readout.last
    ),
    {"cell": "lstm", **SHAPES[0], "readout": Readout.concat},
]
ANSWERS = """async ([bundle, texts]) => {
  const { networks } = await Networks.open(bundle);
  return networks.map(network => texts.map(text => {
    const ids = Networks.ids(network.tokenizer, Networks.tokenize(network.tokenizer, text));
    return Object.values(Networks.read(network, ids).logits).flatMap(one => [...one]);
  }));
}"""


@dataclass(frozen=True)
class Trained:
    """A network of Keras, and what is read of its file."""

    model: Any
    config: ArchitectureConfig
    playable: Playable

    @property
    def player(self) -> Player:
        return Player(look_of_baseline(self.config.name), (Seed(self.playable, 0.5),))


def _randomise(model: Any, spread: float = 0.5) -> None:
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, spread, one.shape) for one in model.get_weights()])


def _make(model: Any, config: ArchitectureConfig, tokenizer: Tokenizer, folder: Path) -> Trained:
    """Return a network as the store would have it: saved by Keras, and read without it."""
    _randomise(model)
    file = folder / "model.keras"
    model.save(file)
    weights = read_weights(file.read_bytes(), config)
    heads = {head.name: head.classes for head in HEADS} if weights["heads"] else {}
    kept = truncate_split(_encode(tokenizer), LENGTH, TokenizerConfig().keep).kept
    return Trained(
        model,
        config,
        Playable(config.name, 0, config, heads, tokenizer.to_str(), kept, False, weights),
    )


def _train_tokenizer(**settings: Any) -> Tokenizer:
    texts = [clean_text(text) for text in known_words()]
    tokenizer = train_tokenizer(texts, TokenizerConfig(**settings), ended=True)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _encode(tokenizer: Tokenizer) -> EncodedSplit:
    ids, offsets = encode_texts(tokenizer, [clean_text(text) for text in TEXTS])
    none: Any = None
    return EncodedSplit(ids, offsets, none, none, none)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return _train_tokenizer()


@pytest.fixture(scope="module")
def networks(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> list[Trained]:
    folder = tmp_path_factory.mktemp("models")
    made = []
    for number, settings in enumerate(SETTINGS):
        config = ArchitectureConfig(name=f"{number}", units=6, embedding_dim=5, **settings)
        model = build_model(config, tokenizer.get_vocab_size(), HEADS, 0)
        made.append(_make(model, config, tokenizer, folder))
    return made


@pytest.fixture(scope="module")
def page(networks: list[Trained], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page of the networks, which asks for nothing and complains of nothing."""
    file = tmp_path_factory.mktemp("playground") / "playground.html"
    file.write_text(_page(networks), encoding="utf-8")
    with open_chromium() as browser, visit(browser, offline=True) as seen:
        seen.page.goto(file.as_uri())
        yield seen.page
        assert seen.complaints == []
        assert seen.asked == [file.as_uri()]


def _page(networks: Sequence[Trained]) -> str:
    page = render_playground(Play("small", tuple(one.player for one in networks)))
    assert page is not None
    return page


def _bundle(networks: Sequence[Trained], precision: Precision) -> dict[str, Any]:
    play = Play("small", tuple(one.player for one in networks))
    return compose(play, Packer(), precision)


def _expected(networks: Sequence[Trained], tokenizer: Tokenizer) -> np.ndarray:
    """Return what Keras answers, <float32>[networks, texts, logits]."""
    split = truncate_split(_encode(tokenizer), LENGTH, TokenizerConfig().keep)
    ids = np.zeros((len(split), int(split.lengths.max())), np.int32)
    for row, length in enumerate(split.lengths):
        ids[row, :length] = split.row(row)
    return np.stack([np.concatenate(one.model(ids), axis=1) for one in networks])


@pytest.mark.slow  # builds two dozen networks
def test_every_architecture_and_readout_has_the_logits_of_keras(
    page: Any, networks: list[Trained], tokenizer: Tokenizer
) -> None:
    found = np.array(page.evaluate(ANSWERS, [_bundle(networks, EXACT), TEXTS]))
    expected = _expected(networks, tokenizer)
    assert np.std(expected, axis=1).min() > 0.01
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.slow  # with the test before
def test_with_eight_bits_the_classes_are_the_same(page: Any, networks: list[Trained]) -> None:
    exact, rounded = (
        _classes(np.array(page.evaluate(ANSWERS, [_bundle(networks, precision), TEXTS])))
        for precision in (EXACT, COARSER[0])
    )
    assert (exact == rounded).mean() >= 0.995


def _classes(logits: np.ndarray) -> np.ndarray:
    """Return the class of each head, <int>[2, …]: the first has one logit, the second three."""
    return np.stack([(logits[..., 0] > 0).astype(int), logits[..., 1:].argmax(axis=-1)])


@pytest.mark.slow  # with the tests before
def test_what_is_seen_inside_is_what_probes_see(
    page: Any, networks: list[Trained], tokenizer: Tokenizer
) -> None:
    ids = _encode(tokenizer).row(0)
    read = """async ([bundle, ids]) => {
      const { networks } = await Networks.open(bundle);
      const plain = rows => rows && [...rows];
      return networks.map(network => Networks.read(network, ids, { trace: true }).layers.map(
        ({ directions }) => directions.map(({ hidden, cell, gates }) => ({
          hidden: plain(hidden), cell: plain(cell),
          gates: Object.fromEntries(Object.entries(gates).map(([name, rows]) => [name, plain(rows)])),
        }))));
    }"""
    for one, layers in zip(
        networks, page.evaluate(read, [_bundle(networks, EXACT), ids.tolist()]), strict=True
    ):
        cell = find_cell(one.config.cell)
        expected = trace(one.model, one.config, ids[None]).layers
        for layer, directions in zip(expected, layers, strict=True):
            for number, direction in enumerate(directions):
                assert _is_near(direction["hidden"], layer.outputs, number)
                if cell.states > 1:
                    assert _is_near(direction["cell"], layer.carried_states, number)
                if cell.keep_gate_name is not None:
                    gate = direction["gates"][cell.keep_gate_name.removesuffix(" gate")]
                    assert _is_near(gate, layer.keep_gates, number)


def _is_near(found: list[float], traced: np.ndarray, direction: int) -> bool:
    """Compare rows in the order of the text with those of a trace, in the order of reading."""
    rows = reverse_backward(traced)[:, direction, 0]
    return np.allclose(np.reshape(found, rows.shape), rows, atol=1e-6)


@pytest.mark.slow  # with the tests before
def test_what_was_read_before_does_not_matter(page: Any, networks: list[Trained]) -> None:
    """A network remembers what it read, so that a keystroke costs little."""
    read = """async ([bundle, rows]) => {
      const logits = reading => Object.values(reading.logits).flatMap(one => [...one]);
      const one = await Networks.open(bundle);
      const again = one.networks.map(network => rows.map(ids => logits(Networks.read(network, ids))));
      const anew = await Promise.all(rows.map(async ids =>
        (await Networks.open(bundle)).networks.map(network => logits(Networks.read(network, ids)))));
      const steps = one.networks.map(network => {
        const { steps } = Networks.read(network, rows[0], { trace: true });
        return [steps && steps.map(logits), Networks.prefixes(network, rows[0]).map(logits),
                rows[0].map((_, place) => logits(Networks.read(network, rows[0].slice(0, place + 1))))];
      });
      return [again, anew, steps];
    }"""
    rows = [[5, 6, 7, 8], [5, 6, 7], [5, 6, 9, 7, 8], [7, 8], [7, 8], [4] * 70 + [7, 8], [5, 6, 7]]
    again, anew, steps = page.evaluate(read, [_bundle(networks, EXACT), rows])
    np.testing.assert_allclose(np.array(again), np.array(anew).swapaxes(0, 1), atol=1e-12)
    for one, (seen, prefixes, expected) in zip(networks, steps, strict=True):
        assert (seen is None) == one.config.bidirectional
        np.testing.assert_allclose(prefixes, expected, atol=1e-12)
        np.testing.assert_allclose(prefixes if seen is None else seen, expected, atol=1e-12)


LANGUAGE = [
    {"cell": "lstm", "num_layers": 2},
    {"cell": "gru", "tie_embeddings": True},
    {"cell": "simple_rnn", "tie_embeddings": True, "embedding_dim": 6},
]


@pytest.fixture(scope="module")
def language_models(
    tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> list[Trained]:
    folder, size = tmp_path_factory.mktemp("models"), tokenizer.get_vocab_size()
    made = []
    for number, settings in enumerate(LANGUAGE):
        config = ArchitectureConfig(
            name=f"{number}", **{"units": 6, "embedding_dim": 5, **settings}
        )
        made.append(_make(build_language_model(config, size, 0), config, tokenizer, folder))
    return made


def test_language_models_expect_and_write_what_they_do_in_keras(
    page: Any, language_models: list[Trained], tokenizer: Tokenizer
) -> None:
    ids = tokenizer.encode("the plot of this").ids
    write = """async ([bundle, ids]) => {
      const { networks } = await Networks.open(bundle);
      return networks.map(network => [
        Networks.next(network, ids), Networks.write(network, ids, { temperature: 0, length: 8 }),
        ...[1, 2, 1].map(seed => Networks.write(network, ids, { seed, topK: 40, topP: 0.9, length: 8 })),
      ]);
    }"""
    found = page.evaluate(write, [_bundle(language_models, EXACT), ids])
    end = tokenizer.token_to_id(END)
    assert end is not None
    for one, (likeliest, greedy, *drawn) in zip(language_models, found, strict=True):
        expected = _next(one, [end, *ids])
        assert [token["id"] for token in likeliest] == np.argsort(-expected)[:5].tolist()
        for token in likeliest:
            assert token["probability"] == pytest.approx(expected[token["id"]], abs=1e-5)
        read = [end, *ids]
        for token in greedy:
            expected = _next(one, read)
            assert token["id"] == expected.argmax()
            assert token["probability"] == pytest.approx(expected.max(), abs=1e-5)
            assert token["ends"] == (token["id"] == end)
            read.append(token["id"])
        assert len(greedy) == 8 or greedy[-1]["ends"]
        assert drawn[0] == drawn[2] != drawn[1]


def _next(one: Trained, ids: list[int]) -> np.ndarray:
    """Return the probability of each token after others by Keras, over those that are ever written."""
    logits = np.array(one.model(np.array([ids], np.int32)))[0, -1].astype(np.float64)
    logits[:2] = -np.inf
    odds = np.exp(logits - logits.max())
    return odds / odds.sum()
