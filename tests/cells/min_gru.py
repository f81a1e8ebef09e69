"""The minimal gated recurrent unit (Feng et al. 2024, "Were RNNs all we needed?").

Neither its gate nor its candidate sees the state, so that it has no recurrent weights. This is what the
file of a new cell looks like, with a Keras layer of its own and without a gradient.
"""

from __future__ import annotations

from typing import Any

from pipeline.cells import Cell, Tensors


def _layer(keras: Any) -> Any:
    @keras.saving.register_keras_serializable("rnn_vs_lstm")
    class MinGRUCell(keras.layers.Layer):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.units = self.state_size = self.output_size = units

        def build(self, input_shape: Any) -> None:
            self.kernel = self.add_weight(shape=(input_shape[-1], 2 * self.units), name="kernel")
            self.bias = self.add_weight(shape=(2 * self.units,), initializer="zeros", name="bias")

        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            x = keras.ops.matmul(inputs, self.kernel) + self.bias
            z, g = keras.ops.split(x, 2, axis=-1)
            z = keras.ops.sigmoid(z)
            h = z * states[0] + (1 - z) * g
            return h, [h]

        def get_config(self) -> Any:
            return {**super().get_config(), "units": self.units}

    @keras.saving.register_keras_serializable("rnn_vs_lstm")
    class MinGRU(keras.layers.RNN):
        def __init__(self, units: int, **kwargs: Any) -> None:
            super().__init__(MinGRUCell(units), **kwargs)

        def get_config(self) -> Any:
            config = super().get_config()
            del config["cell"]
            return {**config, "units": self.cell.units}

        @classmethod
        def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
            return cls(**config)

    return MinGRU


def _step(tf: Any, x: Any, m: None, states: Tensors) -> tuple[Tensors, Tensors]:
    (h,) = states
    z, g = tf.split(x, 2, axis=-1)
    z = tf.sigmoid(z)
    return (z * h + (1 - z) * g,), (z, g)


CELL = Cell(
    name="min_gru",
    title="minGRU",
    layer=_layer,
    gates=("update gate", "candidate"),
    recurrent=False,
    step=_step,
    idle=(100, 0),  # keep: sigmoid(100) is 1
    keep_gate=0,
    colours={(False, False): ("#7a4fa3", "#c9a3f0")},
    mark="cross",
)
