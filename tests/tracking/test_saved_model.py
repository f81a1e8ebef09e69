"""A saved network opens where only Keras and MLflow are known, and reads texts as in training."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from factories import PRESETS, ROOT, read_preset
from factories.networks import logits_of
from mlflow.exceptions import MlflowException

from pipeline.config.schema import Readout, TokenizerConfig
from pipeline.data.cleaning import clean_text
from pipeline.data.splits import Head
from pipeline.models.architectures import build_model, build_regressor
from pipeline.tokens.encoding import encode_texts, unknown_id
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.tracking import TextReading
from pipeline.tracking.saved_model import save_network

HEADS = (Head("sentiment", ("negative", "positive")), Head("it's 1/2", ("film", "plot", "music")))
TEXTS = [
    "a good film",
    "The plot was not good,<br />it was bad &amp; long.",
    "",
    "unheard",
    "[PAD] [UNK]",
    "bad " * 20 + "good",
    "ça, c'est 電影",
]
KEEPS = (3, 3)  # tokens at the start and at the end of a longer text


def _tokenizer() -> Any:
    return train_tokenizer(["a good film the plot was not bad it long ,.&"] * 2, TokenizerConfig())


def _save(path: Path, heads: tuple[Head, ...] = HEADS, **changes: Any) -> tuple[Any, Any]:
    """Save a small network with random weights and return it with its tokenizer."""
    tokenizer = _tokenizer()
    preset = changes.pop("preset", "bi_lstm")
    config = read_preset(preset, units=5, embedding_dim=4, **changes)
    model = build_model(config, tokenizer.get_vocab_size(), heads, 0)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(0, 1, weight.shape) for weight in model.get_weights()])
    classes = {head.name: head.classes for head in heads}
    save_network(model, path, TextReading(tokenizer, classes, KEEPS, unknown_id(tokenizer)))
    return model, tokenizer


def _ids(model: Any, tokenizer: Any, texts: list[str]) -> list[np.ndarray]:
    """Encode and truncate as training does."""
    ids, offsets = encode_texts(tokenizer, [clean_text(text) for text in texts])
    rows = [ids[start:end] for start, end in itertools.pairwise(offsets)]
    return [row if len(row) <= 6 else np.concatenate([row[:3], row[-3:]]) for row in rows]


def _run_alone(script: str, *arguments: str) -> str:
    """Run Python without this project, which an import of `pipeline` would betray."""
    guard = (
        "import sys\nclass Guard:\n    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in ('pipeline', 'rnn_vs_lstm', 'experiments'):\n"
        "            raise ImportError(name)\nsys.meta_path.insert(0, Guard())\n"
    )
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", guard + script, *arguments],
        cwd=tempfile.gettempdir(),
        env=environment | {"TF_CPP_MIN_LOG_LEVEL": "3", "MLFLOW_LOGGING_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


OPEN = """
import pathlib
import keras, mlflow, numpy as np, pandas as pd
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    expected = np.load(path / "expected.npz")
    ids = expected["ids"]
    by_keras = keras.models.load_model(path / "data" / "model.keras")
    by_mlflow = mlflow.keras.load_model(str(path))
    for model in (by_keras, by_mlflow):
        for name, logits in zip(("first", "second"), model(ids)):
            assert np.abs(expected[name] - logits).max() < 1e-6, (path, name)
    answers = mlflow.pyfunc.load_model(str(path)).predict(ids)
    odds = 1 / (1 + np.exp(-expected["first"][:, 0]))
    assert np.abs(answers["sentiment/positive"] - odds).max() < 1e-6, path
    print(path.name)
assert "pipeline" not in sys.modules
"""


def _save_all(folder: Path, presets: list[str], readouts: list[Readout]) -> list[str]:
    for preset in presets:
        for readout in readouts:
            path = folder / f"{preset}-{readout.name}"
            model, tokenizer = _save(path, preset=preset, readout=readout, dropout=0.1)
            ids = np.zeros((3, 6), dtype=np.int64)
            for row, values in enumerate(_ids(model, tokenizer, TEXTS[:3])):
                ids[row, : len(values)] = values
            first, second = logits_of(model, ids)
            np.savez(path / "expected.npz", ids=ids, first=first, second=second)
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_every_preset_with_every_readout_opens_where_only_keras_is_known(tmp_path: Path):
    saved = _save_all(tmp_path, PRESETS, list(Readout))
    assert len(saved) == len(PRESETS) * len(Readout)
    assert _run_alone(OPEN, str(tmp_path)).split() == saved


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Any]:
    """A saved model as MLflow opens it, the network, and its tokenizer."""
    import mlflow

    path = tmp_path_factory.mktemp("saved") / "model"
    network, tokenizer = _save(path)
    return mlflow.pyfunc.load_model(str(path)), network, tokenizer


def test_texts_get_the_labels_and_probabilities_of_the_network(opened):
    model, network, tokenizer = opened
    answers = model.predict(pd.DataFrame({"review": TEXTS}))
    assert list(answers) == [
        "sentiment",
        "sentiment/negative",
        "sentiment/positive",
        "it's 1/2",
        "it's 1/2/film",
        "it's 1/2/plot",
        "it's 1/2/music",
    ]
    for row, ids in enumerate(_ids(network, tokenizer, TEXTS)):
        first, second = (part[0] for part in logits_of(network, ids[None]))
        odds = np.exp(second) / np.exp(second).sum()
        np.testing.assert_allclose(answers.iloc[row, 4:].astype(float), odds, atol=1e-5)
        assert answers["sentiment/positive"][row] == pytest.approx(
            1 / (1 + np.exp(-first[0])), abs=1e-5
        )
        assert answers["sentiment"][row] == HEADS[0].classes[int(first[0] > 0)]
        assert answers["it's 1/2"][row] == HEADS[1].classes[second.argmax()]


@pytest.mark.parametrize(
    "given",
    [
        TEXTS,
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS),
        pd.DataFrame({"a": TEXTS}),
        pd.DataFrame({"id": range(len(TEXTS)), "text": TEXTS}),
        {"text": TEXTS},
    ],
    ids=["list", "array", "objects", "series", "frame", "frame with more", "dict"],
)
def test_texts_come_in_any_container(opened, given):
    model, _, _ = opened
    expected = model.predict(pd.DataFrame({"text": TEXTS}))
    pd.testing.assert_frame_equal(model.predict(given), expected)


@pytest.mark.parametrize("kind", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("container", [np.asarray, pd.DataFrame, list])
def test_token_ids_of_any_integer_type_are_read(opened, kind, container):
    model, _, tokenizer = opened
    ids = np.array([[2, 3, 4, 0], [5, 0, 0, 0]], dtype=kind)
    texts = [" ".join(map(tokenizer.id_to_token, row[row > 0])) for row in ids]
    expected = model.predict(texts)
    pd.testing.assert_frame_equal(model.predict(container(ids)), expected)
    assert len(model.predict(container(ids[:0].reshape(0, 4)))) == 0


def test_an_answer_has_the_index_of_its_text(opened):
    model, _, _ = opened
    frame = pd.DataFrame({"text": TEXTS[:2]}, index=["x", "y"])
    assert model.predict(frame).index.tolist() == ["x", "y"]
    assert model.predict(frame.text).index.tolist() == ["x", "y"]
    assert len(model.predict("a good film")) == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["good", None], "row 2 is neither a text nor a list of token ids: None"),
        (["good", float("nan")], "row 2 is neither"),
        (np.array([[2.5, 3.0]]), "row 1 is neither"),
        (np.array([[2, 3], [0, 3]]), "row 2 of the token ids must begin with one and be padded"),
        (np.array([[2, 0, 3]]), "row 1 of the token ids must begin with one and be padded"),
        (np.array([[0, 0]]), "row 1 of the token ids must begin with one and be padded"),
        (np.array([[2, 999]]), "row 1 has a token id that is not from 0 to"),
        (np.array([[-1, 2]]), "row 1 has a token id that is not from 0 to"),
        (pd.DataFrame({"a": ["x"], "b": ["y"]}), "give one column of texts, or name it 'text'"),
    ],
)
def test_what_is_neither_text_nor_ids_is_refused_by_its_row(opened, given, said):
    with pytest.raises(MlflowException, match=said):
        opened[0].predict(given)


def test_what_a_model_needs_and_answers_is_written_beside_it(tmp_path: Path):
    _save(tmp_path / "model")
    described = yaml.safe_load((tmp_path / "model" / "MLmodel").read_text())
    assert set(described["flavors"]) == {"keras", "python_function"}
    outputs = json.loads(described["signature"]["outputs"])
    assert [column["name"] for column in outputs][:2] == ["sentiment", "sentiment/negative"]
    requirements = (tmp_path / "model" / "requirements.txt").read_text().split()
    named = {line.split("==")[0] for line in requirements}
    assert {"tensorflow", "keras", "numpy", "pandas", "tokenizers", "mlflow"} <= named
    assert all("==" in line for line in requirements)
    example = json.loads((tmp_path / "model" / "input_example.json").read_text())
    assert example["columns"] == ["text"]


def test_a_network_over_numbers_is_the_keras_model_for_both(tmp_path: Path):
    import mlflow

    model = build_regressor(read_preset("lstm", units=3, readout=Readout.max), 2, 0)
    save_network(model, tmp_path / "model")
    given = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    found = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(given)
    np.testing.assert_allclose(found, model(given), atol=1e-6)


@pytest.mark.slow
def test_the_examples_of_the_guide_run_where_only_keras_is_known(tmp_path: Path):
    _save(tmp_path / "model")
    page = (ROOT / "docs" / "use_a_model.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    uri = f"model_uri = {str(tmp_path / 'model')!r}"
    answers, logits = (
        _run_alone(re.sub(r"^(model_uri = .*)$", uri, block, flags=re.MULTILINE))
        for block in blocks
    )
    columns = [line.split()[0] for line in answers.splitlines()[1:4]]
    assert columns == ["sentiment", "sentiment/negative", "sentiment/positive"]
    assert logits.count("[[") == 2
