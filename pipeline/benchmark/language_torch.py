"""Train a language model with PyTorch, as fast as it is known here to do on a CPU.

What was tried, and is here where it was faster: `torch.nn.LSTM`, whose forward and backward pass oneDNN
computes; Adam in one kernel; one look-up for all rows of a table, so that its dense gradient is made
once; and for the sampled softmax a function with a gradient of its own, which computes it some
positions at a time while the logits are in the cache, and gives more than `torch.compile` does.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from pipeline.benchmark.language_workload import (
    BenchmarkTokens,
    LanguageTask,
    StepBatch,
    endless_steps,
    sample_of,
)
from pipeline.benchmark.timing import Turns
from pipeline.benchmark.variants import Built, draw_weights
from pipeline.config.schema import ArchitectureConfig, TrainConfig

_POSITIONS = 1_024  # of the softmax, computed at a time
_NEVER = -1e30
# The gates of a cell in PyTorch's order, as places in Keras's.
_LAYERS = {"lstm": ("LSTM", [0, 1, 2, 3]), "gru": ("GRU", [1, 0, 2]), "simple_rnn": ("RNN", [0])}


def build_torch(task: LanguageTask, tokens: BenchmarkTokens, threads: int) -> Built:
    """Return PyTorch's training of the task in so many threads."""
    torch: Any = importlib.import_module("torch")  # an extra
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    layers = _layers(torch, task.architecture, task.vocab_size)
    forward, loss = _forward(torch, layers, task.architecture), sampled_softmax(torch)
    fresh = {name: value.clone() for name, value in layers.state_dict().items()}
    _set_weights(torch, layers, task)
    logits = _read_sample(torch, forward, loss, sample_of(tokens))
    layers.load_state_dict(fresh)
    config = TrainConfig()
    parameters = list(layers.parameters())
    optimizer = torch.optim.Adam(parameters, lr=config.learning_rate, fused=True)

    def train(turns: Turns) -> None:
        states = None
        for batch in endless_steps(task, tokens):
            optimizer.zero_grad()
            values, own, drawn, states = forward(batch, states)
            loss(values, own, drawn, batch).backward()
            torch.nn.utils.clip_grad_norm_(parameters, config.global_clipnorm)
            optimizer.step()
            turns.on_step(len(batch.targets))

    return Built(logits, None, train)


def _layers(torch: Any, config: ArchitectureConfig, vocab_size: int) -> Any:
    nn = torch.nn
    name, _ = _LAYERS[config.cell]
    layers = nn.ModuleDict(
        {
            "embedding": nn.Embedding(vocab_size, config.embedding_dim),
            "recurrent": getattr(nn, name)(config.embedding_dim, config.units),
        }
    )
    if config.tie_embeddings:
        layers["projection"] = nn.Linear(config.units, config.embedding_dim)
    else:
        layers["output"] = nn.Embedding(vocab_size, config.units)
    return layers


def _forward(torch: Any, layers: Any, config: ArchitectureConfig) -> Callable[..., Any]:
    """Return the function (batch, states) -> features [N, F], weights [N, F] of the targets and [K, F]
    of the candidates, and the states."""
    embed = torch.nn.functional.embedding

    def forward(batch: StepBatch, states: Any) -> tuple[Any, Any, Any, Any]:
        read = torch.from_numpy(np.ascontiguousarray(batch.inputs.T)).long()
        asked = torch.from_numpy(np.concatenate([batch.targets, batch.candidates])).long()
        sizes = [len(batch.targets), len(batch.candidates)]
        table = layers["embedding"].weight
        if config.tie_embeddings:
            rows = embed(torch.cat([read.ravel(), asked]), table)
            inputs, own, drawn = rows.split([read.numel(), *sizes])
        else:
            inputs = embed(read, table)
            own, drawn = embed(asked, layers["output"].weight).split(sizes)
        features, after = layers["recurrent"](inputs.view(*read.shape, -1), states)
        features = features.reshape(-1, config.units)
        if config.tie_embeddings:
            features = layers["projection"](features)
        kept = tuple(one.detach() for one in after) if isinstance(after, tuple) else after.detach()
        return features, own, drawn, kept

    return forward


def sampled_softmax(torch: Any) -> Callable[..., Any]:
    """Return the function (features, own, drawn, batch) -> the mean loss."""

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, features: Any, own: Any, drawn: Any, *drawing: Any) -> Any:
            corrections, hits = drawing
            count = len(features)
            dfeatures, down = torch.empty_like(features), torch.empty_like(own)
            ddrawn, total = torch.zeros_like(drawn), 0.0
            logits = torch.empty(min(_POSITIONS, count), len(drawn))
            for at in range(0, count, _POSITIONS):
                part = slice(at, min(at + _POSITIONS, count))
                x, y, hit = features[part], own[part], hits[part]
                others = torch.addmm(corrections, x, drawn.T, out=logits[: len(x)])
                rows = torch.nonzero(hit >= 0).squeeze(1)
                others[rows, hit[rows]] = _NEVER
                right = (x * y).sum(1)
                highest = torch.maximum(others.amax(1), right)
                others.sub_(highest[:, None]).exp_()
                mine = (right - highest).exp_()
                whole = others.sum(1) + mine
                others.div_(whole[:, None])
                lacking = (mine / whole - 1)[:, None]
                total += (whole.log() + highest - right).sum()
                torch.addmm(lacking * y, others, drawn, out=dfeatures[part])
                torch.mul(lacking, x, out=down[part])
                ddrawn.addmm_(others.T, x)
            ctx.save_for_backward(dfeatures, down, ddrawn)
            return total / count

        @staticmethod
        def backward(ctx: Any, *upstream: Any) -> tuple[Any, ...]:
            gradients = ctx.saved_tensors
            share = upstream[0] / len(gradients[0])
            return (*(gradient * share for gradient in gradients), None, None)

    def loss(features: Any, own: Any, drawn: Any, batch: StepBatch) -> Any:
        drawing = torch.from_numpy(batch.corrections), torch.from_numpy(batch.hits).long()
        return Loss.apply(features, own, drawn, *drawing)

    return loss


def _read_sample(torch: Any, forward: Any, loss: Any, batch: StepBatch) -> np.ndarray:
    """Return the logits of candidates, and last the loss."""
    with torch.no_grad():
        features, own, drawn, _ = forward(batch, None)
        return np.append((features @ drawn.T).numpy(), float(loss(features, own, drawn, batch)))


def _set_weights(torch: Any, layers: Any, task: LanguageTask) -> None:
    """Set the weights that `draw_weights` draws for the Keras model."""
    config = task.architecture
    _, gates = _LAYERS[config.cell]
    features, units = config.embedding_dim, config.units
    width = len(gates) * units
    bias = (2, width) if config.cell == "gru" else (width,)
    shapes = [(task.vocab_size, features), (features, width), (units, width), bias]
    tied = [(units, features), (features,)]
    shapes += tied if config.tie_embeddings else [(task.vocab_size, units)]
    embedding, kernel, recurrent, biases, *others = map(torch.from_numpy, draw_weights(shapes))

    def ordered(values: Any) -> Any:
        """Keras's gates stand side by side in columns, PyTorch's in rows, in another order."""
        return torch.cat([values.t().split(units)[gate] for gate in gates])

    layer = layers["recurrent"]
    biases = biases if config.cell == "gru" else torch.stack([biases, torch.zeros(width)])
    with torch.no_grad():
        layers["embedding"].weight.copy_(embedding)
        layer.weight_ih_l0.copy_(ordered(kernel))
        layer.weight_hh_l0.copy_(ordered(recurrent))
        layer.bias_ih_l0.copy_(ordered(biases[0]))
        layer.bias_hh_l0.copy_(ordered(biases[1]))
        if config.tie_embeddings:
            layers["projection"].weight.copy_(others[0].T)
            layers["projection"].bias.copy_(others[1])
        else:
            layers["output"].weight.copy_(others[0])
