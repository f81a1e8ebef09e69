"""`mlflow models serve` answers curl about texts, from a saved network."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from factories import read_preset

from pipeline.config.schema import TokenizerConfig
from pipeline.data.splits import Head
from pipeline.models.architectures import build_model
from pipeline.tokens.vocabulary import train_tokenizer
from pipeline.tracking import TextReading
from pipeline.tracking.saved_model import save_network

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("served") / "model"
    tokenizer = train_tokenizer(["a good film"] * 2, TokenizerConfig())
    head = Head("sentiment", ("negative", "positive"))
    config = read_preset("lstm", units=4, embedding_dim=4)
    model = build_model(config, tokenizer.get_vocab_size(), (head,), 0)
    save_network(model, path, TextReading(tokenizer, {head.name: head.classes}, (0, 9), 1))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    bin_folder = str(Path(sys.executable).parent)
    serve = ["mlflow", "models", "serve", "-m", str(path), "--env-manager", "local", "-p", port]
    process = subprocess.Popen(
        [sys.executable, "-m", *serve],
        cwd=path,
        env=os.environ | {"PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/ping", process)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait_for(address: str, process: subprocess.Popen[Any]) -> None:
    for _ in range(300):
        assert process.poll() is None
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{address} does not answer")


def _ask(address: str, data: dict[str, Any]) -> dict[str, Any]:
    """Ask as `curl -H 'Content-Type: application/json' -d ...` does."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(address, json.dumps(data).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


@pytest.mark.parametrize(
    "data",
    [
        {"inputs": ["a good film"]},
        {"inputs": "a good film"},
        {"inputs": {"text": ["a good film"]}},
        {"instances": ["a good film"]},
        {"dataframe_split": {"columns": ["review"], "data": [["a good film"]]}},
        {"dataframe_records": [{"text": "a good film", "id": 1}]},
        {"inputs": [[2, 4, 3, 0]]},
    ],
    ids=lambda data: json.dumps(data),
)
def test_a_text_gets_a_label_and_probabilities(address, data):
    (answer,) = _ask(address, data)["predictions"]
    assert list(answer) == ["sentiment", "sentiment/negative", "sentiment/positive"]
    chosen = max(("negative", "positive"), key=lambda label: answer[f"sentiment/{label}"])
    assert answer["sentiment"] == chosen
    assert answer["sentiment/negative"] + answer["sentiment/positive"] == pytest.approx(1)


def test_what_is_no_text_is_refused_in_a_line(address):
    answer = _ask(address, {"inputs": ["a good film", None]})
    assert "row 2 is neither a text nor a list of token ids: None" in answer["message"]
