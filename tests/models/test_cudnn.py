"""Keras itself would take cuDNN on a GPU: for every gated network, and for every batch that is built.

Keras asks whether the arguments of a layer are cuDNN's and whether there is a GPU. Here it is told that
there is one, and instead of cuDNN's kernel comes Keras's own check of the mask, then the plain layer.
`tests/runs/test_gpu_choices.py` checks the masks of a whole sweep.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest
from factories import read_preset
from factories.networks import draw_ids, logits_of

from pipeline.config.schema import Readout
from pipeline.data.splits import Head
from pipeline.models.architectures import build_model, forward_of

# Not `from keras.src.backend.tensorflow import rnn`, which is a function of that name.
rnn = importlib.import_module("keras.src.backend.tensorflow.rnn")
HEADS = (Head("sentiment", ("negative", "positive")),)


class CuDNN:
    """Stand for cuDNN's kernels: count the calls, and let Keras check the mask of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.masks: list[bool] = []  # whether cuDNN takes the mask of each call
        monkeypatch.setattr(rnn, "_is_gpu_available", lambda: True)
        for kind in ("lstm", "gru"):
            monkeypatch.setattr(rnn, f"_cudnn_{kind}", self._kernel(kind))

    def _kernel(self, kind: str) -> Any:
        mask_at = {"lstm": 6, "gru": 5}[kind]

        def kernel(*arguments: Any) -> Any:
            self.calls.append(kind)
            mask = arguments[mask_at]
            full = rnn._has_fully_masked_sequence(mask)
            self.masks.append(bool(not full and rnn._is_sequence_right_padded(mask)))
            raise NotImplementedError  # Keras goes on with the plain layer

        return kernel


@pytest.fixture
def cudnn(monkeypatch: pytest.MonkeyPatch) -> CuDNN:
    return CuDNN(monkeypatch)


@pytest.mark.parametrize("readout", Readout)
@pytest.mark.parametrize("num_layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_every_layer_and_direction_asks_for_cudnn(cudnn, cell, bidirectional, num_layers, readout):
    shape = {"num_layers": num_layers, "bidirectional": bidirectional, "readout": readout}
    config = read_preset(cell, units=3, embedding_dim=3, dropout=0.2, **shape)
    model = build_model(config, 30, HEADS, 0)
    cudnn.calls.clear()  # those of building it, with symbolic masks
    cudnn.masks.clear()
    ids = draw_ids()
    ids[1, 4:] = ids[2, 1:] = 0
    for seed in (None, np.array([0, 1], np.int32)):
        forward_of(model, config)(ids, seed)
        assert cudnn.calls == [cell] * num_layers * (1 + bidirectional)
        assert all(cudnn.masks)
        cudnn.calls.clear()


@pytest.mark.parametrize("place", [(0, slice(None)), (1, slice(0, 1)), (2, slice(2, 3))])
def test_an_empty_row_and_other_padding_would_be_found(cudnn, place):
    model = build_model(read_preset("lstm", units=3), 30, HEADS, 0)
    ids = draw_ids()
    ids[place] = 0
    cudnn.masks.clear()
    logits_of(model, ids)
    assert cudnn.masks == [False]


def test_without_a_gpu_keras_asks_for_none(monkeypatch):
    watched = CuDNN(monkeypatch)
    monkeypatch.setattr(rnn, "_is_gpu_available", lambda: False)
    model = build_model(read_preset("gru", units=3), 30, HEADS, 0)
    logits_of(model, draw_ids())
    assert watched.calls == []
