"""Initial values of parameters: seeded, counter-based, explicit.

Layers draw PyTorch's defaults when they are made. A model that wants others gives them in its `reset_parameters`, or
afterwards: `nn.initialization.orthogonal(lstm.weight_hh_l0, nn.initialization.generator(seed, 0))`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any

import numpy as np

from pyseq import _core
from pyseq.tensor import Parameter

_layers_made = count()
_skipped: ContextVar[bool] = ContextVar("pyseq_initialization_skipped", default=False)


def generator(seed: int, stream: int) -> np.random.Generator:
    """Random numbers that depend on nothing but seed and stream (Philox: key = seed, counter = stream)."""
    return np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, 0, stream]))


def construction_generator() -> np.random.Generator:
    """For a layer that is being made: seed 0, a stream per layer in the order of construction."""
    return _Zeros(np.random.Philox()) if _skipped.get() else generator(0, next(_layers_made))


@contextmanager
def skipped() -> Iterator[None]:
    """Layers made in this block draw nothing, because their values are about to be loaded.

    Example:
        >>> from pyseq import nn
        >>> with nn.initialization.skipped():
        ...     layer = nn.Linear(2, 2)
        >>> bool(layer.weight.data.any())
        False
    """
    token = _skipped.set(True)
    try:
        yield
    finally:
        _skipped.reset(token)


class _Zeros(np.random.Generator):
    """Zero, whatever is drawn."""

    def uniform(self, *_: Any, **__: Any) -> Any:
        return 0.0

    def standard_normal(self, *_: Any, **__: Any) -> Any:
        return np.float32(0)


def empty(*shape: int) -> Parameter:
    """A parameter that `reset_parameters` is about to fill."""
    return Parameter(np.zeros(shape, np.float32))


def fill_uniform(parameters: Sequence[Parameter | None], bound: float, random: np.random.Generator) -> None:
    """Uniform values in [−bound, bound)."""
    for parameter in parameters:
        if parameter is not None:
            parameter.data[...] = random.uniform(-bound, bound, parameter.data.shape)


def glorot_uniform(parameter: Parameter, random: np.random.Generator) -> None:
    """Uniform in ±√(6 / (in + out)), which keeps variances in both directions of tanh networks.

    Args:
        parameter: [out, in, ...]; further axes (a kernel's taps) multiply both.
        random: where the numbers come from.

    Source:
        Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010).

    Example:
        >>> from pyseq import nn
        >>> layer = nn.Linear(3, 3)
        >>> nn.initialization.glorot_uniform(layer.weight, nn.initialization.generator(1, 0))
        >>> bool(abs(layer.weight.data).max() <= 1)
        True
    """
    fan_in, fan_out = _fans(parameter)
    fill_uniform([parameter], (6 / (fan_in + fan_out)) ** 0.5, random)


def he_normal(parameter: Parameter, random: np.random.Generator) -> None:
    """Normal with deviation √(2 / in), which keeps variances through layers with relu.

    Args:
        parameter: [out, in, ...].
        random: where the numbers come from.

    Source:
        He et al., "Delving deep into rectifiers" (2015).
    """
    _fill_normal(parameter, 2 / _fans(parameter)[0], random)


def lecun_normal(parameter: Parameter, random: np.random.Generator) -> None:
    """Normal with deviation √(1 / in): sums over inputs of variance 1 have variance 1, as gates like them.

    Args:
        parameter: [out, in, ...].
        random: where the numbers come from.

    Source:
        LeCun et al., "Efficient BackProp" (1998).
    """
    _fill_normal(parameter, 1 / _fans(parameter)[0], random)


def orthogonal(parameter: Parameter, random: np.random.Generator, gain: float = 1.0) -> None:
    """Orthonormal rows or columns, gate by gate: products with it neither grow nor shrink over many steps.

    Args:
        parameter: [rows, columns]; where rows are a multiple of columns (gates stacked), each square is orthogonal.
        random: where the numbers come from.
        gain: a factor.

    Raises:
        ShapeError: the parameter is not a matrix.

    Source:
        Saxe et al., "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks" (2014).
    """
    if parameter.data.ndim != 2:
        raise _core.ShapeError(f"orthogonal: got {list(parameter.data.shape)}, expected a matrix")
    rows, columns = parameter.data.shape
    size = columns if columns and rows % columns == 0 else rows
    for begin in range(0, rows, max(size, 1)):
        block = parameter.data[begin : begin + size]
        q, r = np.linalg.qr(random.standard_normal((max(block.shape), min(block.shape))))
        q *= np.sign(np.diag(r))  # makes the distribution uniform
        block[...] = gain * (q if block.shape[0] >= block.shape[1] else q.T)


def forget_gate_bias(layer: Any, value: float = 1.0) -> None:
    """Set the forget gate's bias of LSTM layers, so that they remember before they have learned to.

    Args:
        layer: an `LSTM` or `LSTMCell`, also a coupled one.
        value: the sum of both biases.

    Raises:
        ArgumentError: the layer has no forget gate with a bias.

    Source:
        Jozefowicz et al., "An empirical exploration of recurrent network architectures" (2015).
    """
    gate = 0 if getattr(layer, "coupled", None) else 1
    biases = {name: value for name, value in vars(layer).items() if name.startswith("bias_")}
    if not hasattr(layer, "coupled") or not biases:
        raise _core.ArgumentError(f"forget_gate_bias: {type(layer).__name__} has no forget gate with a bias")
    place = slice(gate * layer.hidden_size, (gate + 1) * layer.hidden_size)
    for name, bias in biases.items():
        bias.data[place] = value if name.startswith("bias_ih") else 0


def remember(module: Any, seed: int) -> None:
    """Make recurrent layers remember from the beginning: orthogonal recurrent weights, forget gates of LSTMs open.

    Args:
        module: a model; all recurrent layers in it are changed.
        seed: of the weights.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> layer = nn.LSTM(3, 4)
        >>> nn.initialization.remember(layer, seed=0)
        >>> square = layer.weight_hh_l0.numpy()[:4]
        >>> np.allclose(square @ square.T, np.eye(4), atol=1e-6), layer.bias_ih_l0.numpy()[4:8].tolist()
        (True, [1.0, 1.0, 1.0, 1.0])
    """
    for index, (_, part) in enumerate(module.named_modules()):
        random = generator(seed, index)
        weights = [value for name, value in vars(part).items() if name.startswith("weight_hh")]
        for weight in weights:
            orthogonal(weight, random)
        if weights and hasattr(part, "coupled") and any(name.startswith("bias_") for name in vars(part)):
            forget_gate_bias(part)


def keep_signals(module: Any, seed: int) -> None:
    """Let what enters a model reach its outputs from the beginning: weights keep variances, layers `remember`.

    Convolutions (relu follows them) get `he_normal` weights, recurrent layers `lecun_normal` input weights. The usual
    ±1/√hidden makes signals smaller from layer to layer: a model with CTC on top then first learns that blanks are
    frequent, and needs hundreds of updates until it hears anything at all.

    Args:
        module: a model; all convolutions and recurrent layers in it are changed.
        seed: of the weights.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> layer = nn.LSTM(100, 64)
        >>> nn.initialization.keep_signals(layer, seed=0)
        >>> bool(abs(layer.weight_ih_l0.numpy().std() - 0.1) < 0.005)
        True
    """
    remember(module, seed)
    for index, (_, part) in enumerate(module.named_modules()):
        random = generator(seed + 1, index)
        own = vars(part)
        if hasattr(part, "kernel_size") and isinstance(own.get("weight"), Parameter):
            he_normal(own["weight"], random)
            if own.get("bias") is not None:
                own["bias"].data[...] = 0
        for name, weight in own.items():
            if name.startswith("weight_ih"):
                lecun_normal(weight, random)


def log_frequencies(bias: Parameter | None, counts: Any) -> None:
    """Set the bias of a projection to logits to log P(token), as often as each occurs: bₖ = log((nₖ + 1) / Σ (n + 1)).

    A model then begins with what counting knows. From zero, an optimizer with a bounded step (Adam) needs thousands of
    updates to give rare tokens of a large vocabulary logits that are small enough, and bends all else to it meanwhile.

    Args:
        bias: [tokens]; None: nothing is done.
        counts: [tokens], how often each occurs.

    Raises:
        ShapeError: not one count per token.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> layer = nn.Linear(4, 3)
        >>> nn.initialization.log_frequencies(layer.bias, [7, 2, 0])
        >>> np.exp(layer.bias.numpy()).round(3)
        array([0.667, 0.25 , 0.083], dtype=float32)
    """
    if bias is None:
        return
    numbers = np.asarray(counts, np.float64) + 1
    if numbers.shape != bias.data.shape:
        raise _core.ShapeError(f"log_frequencies: got counts {list(numbers.shape)}, expected {list(bias.data.shape)}")
    bias.data[...] = np.log(numbers / numbers.sum())


def _fill_normal(parameter: Parameter, variance: float, random: np.random.Generator) -> None:
    parameter.data[...] = random.standard_normal(parameter.data.shape, np.float32) * np.float32(variance**0.5)


def _fans(parameter: Parameter) -> tuple[int, int]:
    """Inputs and outputs of a weight [out, in, ...]."""
    shape = parameter.data.shape
    if len(shape) < 2:
        raise _core.ShapeError(f"initialization: got {list(shape)}, expected a weight [out, in, ...]")
    taps = int(np.prod(shape[2:]))
    return max(shape[1] * taps, 1), max(shape[0] * taps, 1)
