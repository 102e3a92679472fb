"""How gradients fade or grow on their way back through time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pyseq import nn
from pyseq.autograd import Tape
from pyseq.tensor import Array, Parameter, Tensor
from pyseq.viz.plotting import new_axes, save

Cell = nn.RNNCell | nn.GRUCell | nn.LSTMCell


def gradient_norms(cell: Cell, x: Array, clip: float | None = None, gradient: Array | None = None) -> Array:
    """‖∂L/∂h_t‖ for every step t of a recurrent cell, where L = ⟨v, h_T⟩ looks at the last state alone.

    Every step is on a tape of its own, and its gradient is handed to the step before:
    ∂L/∂h_{t−1} = (∂h_t/∂h_{t−1})ᵀ ∂L/∂h_t. In an LSTM, h_t stands for both of its states, h and c.

    Args:
        cell: the cell; its parameters and their gradients are not changed.
        x: [batch, time, input] float32.
        clip: the largest norm that a step hands on; larger ones are scaled down to it. None: no limit.
        gradient: v, [batch, hidden]; None: 1 / batch everywhere.

    Returns:
        Norms [time] over the whole batch, before clipping; the last one is ‖v‖.

    Source:
        Bengio, Simard, Frasconi, "Learning long-term dependencies with gradient descent is difficult" (1994);
        Pascanu, Mikolov, Bengio, "On the difficulty of training recurrent neural networks" (2013).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn, viz
        >>> cell = nn.RNNCell(2, 8).initialize(0)
        >>> norms = viz.gradient_norms(cell, np.ones((1, 50, 2), np.float32))
        >>> bool(norms[0] < 1e-6 < 0.1 < norms[-1])
        True
    """
    batch, time = x.shape[:2]
    count = 2 if isinstance(cell, nn.LSTMCell) else 1
    state = [np.zeros((batch, cell.hidden_size), np.float32) for _ in range(count)]
    steps: list[tuple[Tape, list[Parameter], Sequence[Tensor]]] = []
    for t in range(time):
        leaves = [Parameter(values) for values in state]
        with Tape() as tape:
            outputs = _step(cell, Tensor(np.ascontiguousarray(x[:, t])), leaves)
        steps.append((tape, leaves, outputs))
        state = [output.data for output in outputs]
    v = np.full(state[0].shape, 1.0 / batch, np.float32) if gradient is None else gradient
    return _walk_back(steps, [v, *(np.zeros_like(v) for _ in range(count - 1))], clip)


def _step(cell: Cell, x: Tensor, state: Sequence[Tensor]) -> Sequence[Tensor]:
    if isinstance(cell, nn.LSTMCell):
        h, c = cell(x, state[0], state[1])
        return [h, c]
    return [cell(x, state[0])]


def _walk_back(
    steps: Sequence[tuple[Tape, list[Parameter], Sequence[Tensor]]], gradients: list[Array], clip: float | None
) -> Array:
    norms = np.zeros(len(steps))
    for t in range(len(steps) - 1, -1, -1):
        tape, leaves, outputs = steps[t]
        norms[t] = np.sqrt(sum(float(np.sum(np.square(g, dtype=np.float64))) for g in gradients))
        if clip is not None and norms[t] > clip:
            gradients = [g * np.float32(clip / norms[t]) for g in gradients]
        found = {id(leaf): np.zeros_like(leaf.data) for leaf in leaves}

        def give(to: Tensor, gradient: Array, found: dict[int, Array] = found) -> None:
            if id(to) in found:  # what belongs to parameters of the cell is let go
                found[id(to)] += gradient

        tape.walk_back(list(zip(outputs, gradients, strict=True)), give)
        gradients = [found[id(leaf)] for leaf in leaves]
    return norms


def compare_cells(
    time: int = 100,
    input_size: int = 8,
    hidden_size: int = 32,
    scale: float = 1.0,
    clip: float | None = None,
    seed: int = 0,
) -> dict[str, Array]:
    """Gradient norms of RNN, GRU and LSTM on the same normal inputs, by name.

    Args:
        time: steps.
        input_size: of the inputs.
        hidden_size: of the states.
        scale: all weights are multiplied by it: above about 2, an RNN's gradients grow instead of fading.
        clip: see `gradient_norms`.
        seed: of weights and inputs.

    Example:
        >>> from pyseq import viz
        >>> norms = viz.compare_cells(time=60)
        >>> bool(norms["RNN"][0] < norms["LSTM"][0])
        True
    """
    x = np.random.default_rng(seed).standard_normal((4, time, input_size), dtype=np.float32)
    cells: dict[str, Cell] = {
        "RNN": nn.RNNCell(input_size, hidden_size),
        "GRU": nn.GRUCell(input_size, hidden_size),
        "LSTM": nn.LSTMCell(input_size, hidden_size),
    }
    norms = {}
    for name, cell in cells.items():
        cell.initialize(seed)
        for _, parameter in cell.named_parameters():
            parameter.data[...] *= scale
        norms[name] = gradient_norms(cell, x, clip)
    return norms


def plot_gradient_flow(norms: Mapping[str, Array], file: str | os.PathLike[str] | None = None) -> Any:
    """Draw gradient norms over time, on a logarithmic scale.

    Args:
        norms: [time] by name, as `compare_cells` gives; names may tell of clipping.
        file: where to save the picture (.svg, .png, .pdf); None: nowhere.

    Returns:
        matplotlib's Axes.

    Raises:
        UnsupportedError: matplotlib is not installed.
    """
    axes = new_axes("t", "‖∂L/∂h_t‖")
    for name, values in norms.items():
        axes.plot(np.arange(1, len(values) + 1), np.maximum(values, np.finfo(np.float32).tiny), label=name)
    axes.set_yscale("log")
    axes.legend()
    return save(axes, file)
