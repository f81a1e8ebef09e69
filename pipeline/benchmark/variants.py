"""The variants of training that are compared, each a worker process of the benchmark.

A variant computes logits with given weights, so that the parent can see that all compute the
same thing, and then trains without end. `Turns` stands between its steps: it counts useful tokens
while the worker has its turn, and holds it back while it has not.

TensorFlow and PyTorch are imported by the variant that needs them, in its own process.
"""

from __future__ import annotations

import importlib
import itertools
import logging
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.benchmark.timing import StepWatcher, Turns
from pipeline.benchmark.workload import MOST_REVIEWS, Workload, as_split, load_workload
from pipeline.cells import find_cell
from pipeline.config.schema import ArchitectureConfig, Device, DeviceConfig, TrainConfig
from pipeline.data.splits import Head
from pipeline.tokens.batches import shuffled_batches
from pipeline.tokens.encoding import EncodedSplits
from pipeline.tokens.split import EncodedSplit

HEADS = (Head("sentiment", ("negative", "positive")),)
# What a worker finds in its environment, before anything that counts cores is imported.
_THREADS = "TF_NUM_INTRAOP_THREADS TF_NUM_INTEROP_THREADS OMP_NUM_THREADS OPENBLAS_NUM_THREADS"
ENVIRONMENT: dict[str, str] = dict.fromkeys(_THREADS.split(), "1")
ENVIRONMENT |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
ENVIRONMENT["CUDA_VISIBLE_DEVICES"] = ""
_PRODUCTS = 300  # between two looks at the clock, some 20 ms


@dataclass(frozen=True)
class Variant:
    """kind: one of `BUILDERS`; reviews: how many of them it trains on; row_length: of the text cut
    anew into rows of so many tokens, or None for the reviews as they are; max_length: the most tokens
    that the tutorial's recipe reads; processes: how many at the same time are measured, after one;
    threads: of each of them, more than one for the tutorial's recipe alone; checked: whether its
    logits are compared, for which it traces the model twice more.
    """

    name: str
    kind: str
    architecture: ArchitectureConfig
    reviews: int = MOST_REVIEWS
    row_length: int | None = None
    max_length: int | None = None
    processes: int = 1
    threads: int = 1
    checked: bool = True

    @property
    def compared(self) -> tuple[str, int | None]:
        return self.architecture.name, self.row_length

    @property
    def flops(self) -> int:
        return flops_per_token(self.architecture)

    def work(self, folder: Path, pipe: Any, barrier: Any) -> None:
        work(self, folder, pipe, barrier)


@dataclass(frozen=True)
class Built:
    """logits: <float32>[rows, 1] of `sample_of` with `draw_weights`, or None; plain: the same by plain
    Keras layers, where TensorFlow is at hand; train: trains without end, telling `Turns`.
    """

    logits: np.ndarray | None
    plain: np.ndarray | None
    train: Callable[[Turns], Any]


def work(variant: Variant, folder: Path, pipe: Any, barrier: Any) -> None:
    """The worker: sends its logits, then trains in turns."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    # Epochs of a second or two, each with a validation, make TensorFlow warn of its traces.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if variant.kind == "project":
        from pipeline.runs.device import prepare_device

        prepare_device(DeviceConfig(kind=Device.cpu, threads=1), concurrent_runs=1)
    elif variant.kind in ("masked", "tutorial"):  # without what the project sets for itself
        os.environ.update(dict.fromkeys(_THREADS.split(), str(variant.threads)))
        from pipeline.runs.device import native_stderr_suppressed

        with native_stderr_suppressed():
            importlib.import_module("tensorflow")
    with_texts = variant.kind == "tutorial"
    load = load_workload(folder, variant.reviews, variant.row_length, with_texts)
    built = BUILDERS[variant.kind](variant, load)
    pipe.send((built.logits, built.plain))
    built.train(Turns(pipe, barrier))


def sample_of(split: EncodedSplit, rows: int = 32) -> EncodedSplit:
    return as_split(split.token_ids, split.offsets[: rows + 1], split.labels[:rows])


def draw_weights(shapes: Iterable[tuple[int, ...]]) -> list[np.ndarray]:
    """Weights <float32> of the given shapes, in Keras's order.

    Fresh biases are zero, and would hide mistakes; larger weights would make a SimpleRNN chaotic, so
    that rounding alone would drive two executions of it apart.
    """
    rng = np.random.default_rng(0)
    return [(0.8 * rng.normal(0, min(s) ** -0.5, s)).astype(np.float32) for s in shapes]


def _build_project(variant: Variant, load: Workload) -> Built:
    """The project's own path: `pipeline.training.loop.train` over the fused execution."""
    from pipeline.models.architectures import build_model, forward_for
    from pipeline.training.classify import Classification
    from pipeline.training.loop import train

    model = build_model(variant.architecture, load.vocab_size, HEADS, seed=0)
    forward = forward_for(model, variant.architecture, "cpu")
    checked = variant.checked
    logits, plain = (
        _keras_logits(model, variant.architecture, forward, load) if checked else (None, None)
    )
    config = TrainConfig(epochs=10**9, patience=10**9, batch_size=load.batch_size)
    few: Any = sample_of(load.split, 1)  # validation is not measured
    no_tokenizer: Any = None
    splits = EncodedSplits(load.split, few, few, HEADS, no_tokenizer, "", {}, 0)

    task = Classification(splits, config, seed=0)
    return Built(logits, plain, lambda turns: train(model, task, StepWatcher(turns), forward))


def _build_masked(variant: Variant, load: Workload) -> Built:
    """Plain Keras layers with their masks and Keras's own training step, on the project's batches."""
    model, logits = _compiled(variant, load)
    batches = ((batch.token_ids, batch.labels) for batch in endless_batches(load))
    return Built(logits, logits, lambda turns: _train_by_keras(model, batches, turns))


def _build_tutorial(variant: Variant, load: Workload) -> Built:
    """The recipe of TensorFlow's tutorial "Text classification with an RNN".

    Reviews in any order, vectorized as they come by a prefetching `tf.data`, padded to the longest of
    their batch and masked. It reads whole reviews; with `max_length`, their first tokens alone.
    """
    import keras
    import tensorflow as tf

    model, logits = _compiled(variant, load)
    vectorize = keras.layers.TextVectorization(load.vocab_size)
    vectorize.adapt(tf.data.Dataset.from_tensor_slices(load.texts[:5_000]).batch(256))
    reviews = tf.data.Dataset.from_tensor_slices((load.texts, load.split.labels)).shuffle(10_000)
    batches = (
        reviews.repeat()
        .batch(load.batch_size)
        .map(lambda texts, labels: (vectorize(texts)[:, : variant.max_length], labels))
        .prefetch(tf.data.AUTOTUNE)
    )
    return Built(logits, logits, lambda turns: _train_by_keras(model, batches, turns))


def _compiled(variant: Variant, load: Workload) -> tuple[Any, np.ndarray]:
    """-> the model, compiled as `fit` wants it, and its logits."""
    import keras

    from pipeline.models.architectures import build_model, forward_of

    model = build_model(variant.architecture, load.vocab_size, HEADS, seed=0)
    _, logits = _keras_logits(
        model, variant.architecture, forward_of(model, variant.architecture), load
    )
    config = TrainConfig()
    optimizer = keras.optimizers.Adam(config.learning_rate, global_clipnorm=config.global_clipnorm)
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(loss=[loss], optimizer=optimizer)  # pyright: ignore[reportArgumentType]
    return model, logits


def _keras_logits(
    model: Any, architecture: ArchitectureConfig, forward: Any, load: Workload
) -> tuple[np.ndarray, np.ndarray]:
    """-> the logits by `forward` and by the layers; the model keeps the weights it had."""
    from pipeline.models.architectures import forward_of
    from pipeline.training.classify import read_logits

    kept = model.get_weights()
    model.set_weights(draw_weights(weight.shape for weight in kept))
    ours, plain = (
        read_logits(run, sample_of(load.split), HEADS, load.batch_size)[0]
        for run in (forward, forward_of(model, architecture))
    )
    model.set_weights(kept)
    return ours, plain


def _train_by_keras(model: Any, batches: Iterable[Any], turns: Turns) -> None:
    """A step of `model.fit` for each batch."""
    for token_ids, labels in batches:
        model.train_on_batch(token_ids, labels)
        turns.on_step(int(np.count_nonzero(token_ids)))


def endless_batches(load: Workload) -> Iterable[Any]:
    for epoch in itertools.count():
        rng = np.random.default_rng([0, epoch])
        yield from shuffled_batches(load.split, load.batch_size, rng)


def _build_torch(variant: Variant, load: Workload) -> Built:
    """The fastest of PyTorch's own ways: padded batches of like length, and for the backward direction
    the ids of each row reversed before they are embedded. Packed sequences are several times slower.
    """
    torch: Any = importlib.import_module("torch")  # an extra
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = _torch_layers(torch, variant.architecture, load.vocab_size)
    fresh = {name: value.clone() for name, value in layers.state_dict().items()}
    _set_torch_weights(torch, layers, variant.architecture, load.vocab_size)
    sample = next(iter(shuffled_batches(sample_of(load.split), 32, np.random.default_rng(0))))
    with torch.no_grad():
        logits = _torch_forward(torch, layers, torch.from_numpy(sample.token_ids).long()).numpy()
    layers.load_state_dict(fresh)
    config = TrainConfig()
    optimizer = torch.optim.Adam(layers.parameters(), lr=config.learning_rate, fused=True)

    def train(turns: Turns) -> None:
        for batch in endless_batches(load):
            optimizer.zero_grad()
            logits = _torch_forward(torch, layers, torch.from_numpy(batch.token_ids).long())
            labels = torch.from_numpy(batch.labels).float()
            torch.nn.functional.binary_cross_entropy_with_logits(logits, labels).backward()
            torch.nn.utils.clip_grad_norm_(layers.parameters(), config.global_clipnorm)
            optimizer.step()
            turns.on_step(batch.tokens)

    return Built(logits[np.argsort(sample.rows)], None, train)


def _torch_layers(torch: Any, config: ArchitectureConfig, vocab_size: int) -> Any:
    nn = torch.nn
    return nn.ModuleDict(
        {
            "embedding": nn.Embedding(vocab_size, config.embedding_dim, padding_idx=0),
            "forward": nn.LSTM(config.embedding_dim, config.units, batch_first=True),
            "backward": nn.LSTM(config.embedding_dim, config.units, batch_first=True),
            "dense": nn.Linear(2 * config.units, 1),
        }
    )


def _torch_forward(torch: Any, layers: Any, token_ids: Any) -> Any:
    """token_ids <int64>[B, T] -> logits [B, 1]. Each direction is read at each row's own last step."""
    lengths = (token_ids != 0).sum(1, keepdim=True)
    time = torch.arange(token_ids.shape[1])[None]
    reversed_ids = token_ids.gather(1, torch.where(time < lengths, lengths - 1 - time, time))
    last = []
    for name, ids in (("forward", token_ids), ("backward", reversed_ids)):
        outputs, _ = layers[name](layers["embedding"](ids))
        place = (lengths - 1)[:, :, None].expand(-1, 1, outputs.shape[2])
        last.append(outputs.gather(1, place)[:, 0])
    return layers["dense"](torch.cat(last, 1))


def _set_torch_weights(torch: Any, layers: Any, config: ArchitectureConfig, vocab: int) -> None:
    """The weights of Keras: its gates stand in the same order, its one bias is the sum of the two."""
    features, units = config.embedding_dim, config.units
    direction = [(features, 4 * units), (units, 4 * units), (4 * units,)]
    shapes = [(vocab, features), *direction, *direction, (2 * units, 1), (1,)]
    values = iter(torch.from_numpy(value) for value in draw_weights(shapes))
    with torch.no_grad():
        layers["embedding"].weight.copy_(next(values))
        for name in ("forward", "backward"):
            layers[name].weight_ih_l0.copy_(next(values).T)
            layers[name].weight_hh_l0.copy_(next(values).T)
            layers[name].bias_ih_l0.copy_(next(values))
            layers[name].bias_hh_l0.zero_()
        layers["dense"].weight.copy_(next(values).T)
        layers["dense"].bias.copy_(next(values))


def _build_product(variant: Variant, load: Workload) -> Built:
    """The three matrix products of a recurrent step, states [B, U], weights [U, G * U]: forward,
    and the gradients of the state and of the weights. Its "tokens" are floating point operations.
    """
    units = variant.architecture.units
    width = len(find_cell(variant.architecture.cell).gates) * units
    state, weights, gradient = draw_weights(
        [(load.batch_size, units), (units, width), (load.batch_size, width)]
    )
    outputs, dstate, dweights = (
        np.empty_like(gradient),
        np.empty_like(state),
        np.empty_like(weights),
    )

    def train(turns: Turns) -> None:
        while True:
            for _ in range(_PRODUCTS):
                np.matmul(state, weights, out=outputs)
                np.matmul(gradient, weights.T, out=dstate)
                np.matmul(state.T, gradient, out=dweights)
            turns.on_step(_PRODUCTS * 3 * 2 * load.batch_size * units * width)

    return Built(None, None, train)


def flops_per_token(config: ArchitectureConfig) -> int:
    """Floating point operations of the matrix products of the recurrent layers in training.

    For each layer and direction 6 G U (F + U), with G gates, U units and F inputs (the embedding's,
    or the D U outputs of the layer below): 2 G U (F + U) forward, and twice that for the gradients of
    inputs and of weights. What an execution saves, as by projecting a repeated token once, counts as
    done.
    """
    directions = 2 if config.bidirectional else 1
    inputs = [config.embedding_dim] + [directions * config.units] * (config.num_layers - 1)
    gates = len(find_cell(config.cell).gates)
    return sum(
        directions * 6 * gates * config.units * (features + config.units) for features in inputs
    )


BUILDERS: dict[str, Callable[[Variant, Workload], Built]] = {
    "project": _build_project,
    "masked": _build_masked,
    "tutorial": _build_tutorial,
    "torch": _build_torch,
    "product": _build_product,
}
