"""Gradients through time: norms against central differences of float64 steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyseq import nn, viz

CELLS = {"rnn": nn.RNNCell, "gru": nn.GRUCell, "lstm": nn.LSTMCell}


def state_after(cell: Any, x: Any, h: Any, c: Any) -> Any:
    """The last h of a cell, run from h (and c) over x [batch, time, input], in float64 steps of NumPy."""
    weights = {name: parameter.data.astype(np.float64) for name, parameter in cell.named_parameters()}

    def sigmoid(z: Any) -> Any:
        return 1 / (1 + np.exp(-z))

    for t in range(x.shape[1]):
        a = x[:, t] @ weights["weight_ih"].T + weights["bias_ih"]
        b = h @ weights["weight_hh"].T + weights["bias_hh"]
        if isinstance(cell, nn.RNNCell):
            h = np.tanh(a + b)
        elif isinstance(cell, nn.GRUCell):
            (ar, az, an), (br, bz, bn) = np.split(a, 3, -1), np.split(b, 3, -1)
            z = sigmoid(az + bz)
            h = (1 - z) * np.tanh(an + sigmoid(ar + br) * bn) + z * h
        else:
            i, f, g, o = np.split(a + b, 4, -1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        yield h, c


@pytest.mark.parametrize("kind", CELLS)
def test_norms_are_those_of_central_differences(kind: str) -> None:
    cell = CELLS[kind](3, 4).initialize(1)
    x = np.random.default_rng(2).standard_normal((2, 6, 3)).astype(np.float32)
    norms = viz.gradient_norms(cell, x)
    zeros = np.zeros((2, 4))
    states = list(state_after(cell, x.astype(np.float64), zeros, zeros))
    for t in range(6):
        squares = 0.0
        for which in range(2 if kind == "lstm" else 1):
            for place in np.ndindex(2, 4):
                losses = []
                for sign in (1, -1):
                    moved = [state.copy() for state in states[t]]
                    moved[which][place] += sign * 1e-5
                    rest = [tuple(moved), *state_after(cell, x[:, t + 1 :].astype(np.float64), *moved)]
                    losses.append(rest[-1][0].sum() / 2)
                squares += ((losses[0] - losses[1]) / 2e-5) ** 2
        assert norms[t] == pytest.approx(np.sqrt(squares), rel=1e-3)


def test_clipping_bounds_what_is_handed_on() -> None:
    free, clipped = viz.compare_cells(60, scale=4.0), viz.compare_cells(60, scale=4.0, clip=0.5)
    assert free["RNN"].max() > 10 * free["RNN"][-1]  # large weights: gradients grow
    assert clipped["RNN"].max() < free["RNN"].max()
    assert viz.compare_cells(60)["RNN"][0] < 1e-6  # small ones: they fade


def test_a_picture_is_written(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason='matplotlib is not installed: pip install ".[viz]"')
    axes = viz.plot_gradient_flow(viz.compare_cells(20), tmp_path / "flow.png")
    assert [line.get_label() for line in axes.lines] == ["RNN", "GRU", "LSTM"]
    assert (tmp_path / "flow.png").stat().st_size > 1000
