"""Keras models of recurrent layers: a chain of layers as a module."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, nn, ops
from pyseq.hub.keras_file import KerasLayer, read_keras_file
from pyseq.nn import initialization
from pyseq.tensor import Tensor

Array = NDArray[Any]

SKIPPED = ("InputLayer", "Dropout", "SpatialDropout1D", "Masking")  # nothing to compute, or told by lengths
DENSE_ACTIVATIONS = {"linear": "none", "relu": "relu", "tanh": "tanh", "sigmoid": "sigmoid", "silu": "silu"}
GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}


def load_keras(file: str | PathLike[str]) -> KerasChain:
    """A Keras model (.keras, or .h5 of a whole model) as a module; Keras itself is not needed.

    Its layers must form a chain of Embedding, LSTM, GRU (`reset_after` or not), SimpleRNN, Bidirectional of these,
    Dense and dropout. The module runs, trains and exports like any other.

    Args:
        file: what `model.save` of Keras 3 wrote.

    Raises:
        FormatError: a damaged file, or weights that are missing or misshapen (all are listed).
        UnsupportedError: another kind of model, layer or activation, or h5py is missing.
    """
    path = Path(file)
    problems: list[str] = []
    with initialization.skipped():
        parts = [_part(path, layer, problems) for layer in read_keras_file(path) if layer.kind not in SKIPPED]
    if problems:
        raise _core.FormatError(f"{path}: weights do not fit their layers; {'; '.join(problems)}")
    return KerasChain(parts)


class KerasChain(nn.Module):
    """Layers that read each other, as `load_keras` makes them.

    Args:
        parts: the layers.
    """

    def __init__(self, parts: list[nn.Module]) -> None:
        self.layers = nn.ModuleList(parts)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Run the model.

        Args:
            x: [batch, time, features], or [batch, time] int64 where the first layer is an embedding.
            lengths: [batch] int64, valid steps of each row (what Keras masks at the end); None for all.

        Returns:
            what the last layer gives, zero or without meaning beyond lengths.
        """
        for layer in self.layers:
            x = layer(x, lengths) if isinstance(layer, RecurrentLayer) else layer(x)
        return x


class RecurrentLayer(nn.Module):
    """A recurrent network that gives all of its outputs, or the last state.

    Args:
        network: the network, of one layer.
        returns_sequence: whether it gives the outputs of all steps.
    """

    def __init__(self, network: nn.LSTM | nn.GRU | nn.RNN, returns_sequence: bool) -> None:
        self.network, self.returns_sequence = network, returns_sequence

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """X [batch, time, features] -> y [batch, time, width], or [batch, width]."""
        y, (state,) = self.network(x, lengths)
        last: Tensor = state[0] if isinstance(state, tuple) else state
        return y if self.returns_sequence else last


class SoftmaxLinear(nn.Module):
    """Probabilities softmax(W x + b).

    Args:
        in_features: size of x.
        out_features: size of y.
        bias: whether there is a b.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        self.linear = nn.Linear(in_features, out_features, bias)

    def forward(self, x: Tensor) -> Tensor:
        """X [..., in] -> y [..., out]."""
        y: Tensor = ops.softmax(self.linear(x))
        return y


def _part(file: Path, layer: KerasLayer, problems: list[str]) -> nn.Module:
    makers: dict[str, Any] = {
        "Embedding": _embedding,
        "Dense": _dense,
        "Bidirectional": _recurrent,
        **dict.fromkeys(GATES, _recurrent),
    }
    if layer.kind not in makers:
        raise _core.UnsupportedError(
            f"{file}: layer {layer.name!r} is a {layer.kind}, expected one of {', '.join([*makers, *SKIPPED])}"
        )
    part: nn.Module = makers[layer.kind](file, layer, problems)
    return part


def _embedding(file: Path, layer: KerasLayer, problems: list[str]) -> nn.Module:
    shape = (layer.config["input_dim"], layer.config["output_dim"])
    module = nn.Embedding(*shape)
    _copy(layer, "embeddings", shape, module.weight, problems)
    return module


def _dense(file: Path, layer: KerasLayer, problems: list[str]) -> nn.Module:
    units, activation = layer.config["units"], layer.config["activation"]
    has_bias, inputs = layer.config["use_bias"], _inputs(layer, "kernel")
    if activation == "softmax":
        with_softmax = SoftmaxLinear(inputs, units, has_bias)
        module: nn.Module = with_softmax
        linear = with_softmax.linear
    else:
        _expect(file, layer, "activation", layer.config, *DENSE_ACTIVATIONS)
        module = linear = nn.Linear(inputs, units, has_bias, DENSE_ACTIVATIONS[activation])
    _copy(layer, "kernel", (inputs, units), linear.weight, problems, np.transpose)
    if has_bias:
        _copy(layer, "bias", (units,), linear.bias, problems)
    return module


def _recurrent(file: Path, layer: KerasLayer, problems: list[str]) -> nn.Module:
    is_pair = layer.kind == "Bidirectional"
    if is_pair:
        _expect(file, layer, "merge_mode", layer.config, "concat")
    kind = layer.config["layer"]["class_name"] if is_pair else layer.kind
    config = layer.config["layer"]["config"] if is_pair else layer.config
    if kind not in GATES:
        raise _core.UnsupportedError(f"{file}: layer {layer.name!r} holds a {kind}, expected one of {', '.join(GATES)}")
    _expect(file, layer, "go_backwards", config, False)
    _expect(file, layer, "activation", config, *(("tanh", "relu") if kind == "SimpleRNN" else ("tanh",)))
    if kind != "SimpleRNN":
        _expect(file, layer, "recurrent_activation", config, "sigmoid")
    network = _network(layer, kind, config, is_pair)
    for side, suffix in (("forward/", "_l0"), ("backward/", "_l0_reverse")) if is_pair else (("", "_l0"),):
        _fill_direction(layer, kind, config, network, (side, suffix), problems)
    return RecurrentLayer(network, config["return_sequences"])


def _network(layer: KerasLayer, kind: str, config: dict[str, Any], is_pair: bool) -> Any:
    inputs = _inputs(layer, "forward/kernel" if is_pair else "kernel")
    sizes = {"bias": config["use_bias"], "bidirectional": is_pair}
    if kind == "LSTM":
        return nn.LSTM(inputs, config["units"], **sizes)
    if kind == "GRU":
        return nn.GRU(inputs, config["units"], **sizes, reset="after" if config["reset_after"] else "before")
    return nn.RNN(inputs, config["units"], **sizes, nonlinearity=config["activation"])


def _fill_direction(
    layer: KerasLayer, kind: str, config: dict[str, Any], network: Any, place: tuple[str, str], problems: list[str]
) -> None:
    """Kernels are [in, gates · units] there; gates i, f, c, o are those of ours, z, r, h become r, z, n."""
    (side, suffix), units = place, config["units"]
    width, has_two_biases = GATES[kind] * units, kind == "GRU" and config["reset_after"]

    def ours(array: Array) -> Array:
        if kind != "GRU":
            return array
        update, reset, new = np.split(array, 3, axis=-1)
        return np.concatenate([reset, update, new], axis=-1)

    def of(name: str) -> Any:
        return getattr(network, f"{name}{suffix}")

    inputs = of("weight_ih").shape[1]
    _copy(layer, f"{side}kernel", (inputs, width), of("weight_ih"), problems, lambda a: ours(a).T)
    _copy(layer, f"{side}recurrent_kernel", (units, width), of("weight_hh"), problems, lambda a: ours(a).T)
    if not config["use_bias"]:
        return
    shape = (2, width) if has_two_biases else (width,)
    _copy(layer, f"{side}bias", shape, of("bias_ih"), problems, lambda a: ours(a[0] if has_two_biases else a))
    if has_two_biases:
        _copy(layer, f"{side}bias", shape, of("bias_hh"), problems, lambda a: ours(a[1]))
    else:
        of("bias_hh").data[...] = 0


def _inputs(layer: KerasLayer, kernel: str) -> int:
    """The size of what a layer reads, as its kernel has it."""
    array = layer.weights.get(kernel)
    return 1 if array is None or array.ndim != 2 else max(array.shape[0], 1)


def _copy(
    layer: KerasLayer, name: str, shape: tuple[int, ...], tensor: Any, problems: list[str], change: Any = np.asarray
) -> None:
    """Fill a parameter with a stored array, or note why not."""
    array = layer.weights.get(name)
    if array is None:
        problems.append(f"{layer.name}: {name} is missing")
    elif array.shape != shape:
        problems.append(f"{layer.name}: {name} {list(array.shape)}, expected {list(shape)}")
    else:
        np.copyto(tensor.data, change(array))


def _expect(file: Path, layer: KerasLayer, name: str, config: dict[str, Any], *values: Any) -> None:
    if config.get(name, values[0]) not in values:
        known = ", ".join(map(repr, values))
        raise _core.UnsupportedError(f"{file}: layer {layer.name!r} has {name} {config[name]!r}, expected {known}")
