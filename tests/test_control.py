"""scan and repeat: eager against plain loops, and exported against eager."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import nn, ops

RANDOM = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def program_of(model: nn.Module, **inputs: Any) -> pyseq.Program:
    return pyseq.Program.parse(pyseq.export(model, None, inputs))


class ScannedCell(nn.Module):
    """A GRU cell run by scan: the same as the GRU layer."""

    def __init__(self) -> None:
        self.cell = nn.GRUCell(3, 5)

    def forward(self, x: pyseq.Tensor, h: pyseq.Tensor, lengths: pyseq.Tensor) -> Any:
        def step(x: pyseq.Tensor, h: pyseq.Tensor) -> tuple[pyseq.Tensor, pyseq.Tensor]:
            h = self.cell(x, h)
            return h, h

        return pyseq.scan(step, x, h, lengths)


def test_scan_of_a_cell_is_the_layer() -> None:
    model = ScannedCell()
    cell = model.cell
    x, h, lengths = floats(3, 6, 3), floats(3, 5), np.array([6, 0, 4])
    y, last = model(x, h, lengths)
    weights = (cell.weight_ih.data, cell.weight_hh.data, cell.bias_ih.data, cell.bias_hh.data)
    expected_y, expected_last = ops.gru(x, *weights, lengths=lengths, h0=h)
    np.testing.assert_allclose(y.numpy(), expected_y, atol=1e-6)
    np.testing.assert_allclose(last.numpy(), expected_last, atol=1e-6)


def test_an_exported_scan_gives_the_bits_of_the_eager_one() -> None:
    model = ScannedCell()
    lengths = np.array([4, 2])
    program = program_of(model, x=floats(2, 4, 3), h=pyseq.Input(floats(2, 5), dims=("batch", 5)), lengths=lengths)
    x, h, lengths = floats(3, 7, 3), floats(3, 5), np.array([7, 0, 4])
    outputs = program.run("forward", x=x, h=h, lengths=lengths)
    for actual, expected in zip((outputs["output_0"], outputs["output_1"]), model(x, h, lengths), strict=True):
        np.testing.assert_array_equal(actual, expected.numpy())


class Accumulate(nn.Module):
    """Nested scans with a constant of the outer function in the inner body."""

    def forward(self, x: pyseq.Tensor, y: pyseq.Tensor, h: pyseq.Tensor) -> Any:
        shifted = ops.tanh(h)

        def outer(x_t: pyseq.Tensor, total: pyseq.Tensor) -> Any:
            def inner(y_t: pyseq.Tensor, part: pyseq.Tensor) -> Any:
                return part, part + y_t * x_t + shifted

            _, total = pyseq.scan(inner, y, total)
            return (total, x_t), total

        return pyseq.scan(outer, x, h)


def test_nested_scans_capture_values_of_the_functions_around_them() -> None:
    model = Accumulate()
    x, y, h = floats(2, 3, 4), floats(2, 5, 4), floats(2, 4)
    (totals, copies), last = model(x, y, h)
    expected, shifted = h.astype(np.float64), np.tanh(h.astype(np.float64))
    for t in range(3):
        for s in range(5):
            expected = expected + y[:, s] * x[:, t] + shifted
        np.testing.assert_allclose(totals.numpy()[:, t], expected, atol=1e-5)
    np.testing.assert_array_equal(copies.numpy(), x)
    np.testing.assert_allclose(last.numpy(), expected, atol=1e-5)

    program = program_of(
        model,
        x=x,
        y=pyseq.Input(y, dims=("batch", "inner", 4)),
        h=pyseq.Input(h, dims=("batch", 4)),
    )
    x, y, h = floats(3, 6, 4), floats(3, 2, 4), floats(3, 4)
    outputs = program.run("forward", x=x, y=y, h=h)
    (totals, copies), last = model(x, y, h)
    for number, tensor in enumerate((totals, copies, last)):
        np.testing.assert_array_equal(outputs[f"output_{number}"], tensor.numpy())


def test_scan_over_no_steps() -> None:
    y, last = pyseq.scan(lambda x, h: (x + h, h), floats(2, 0, 3), floats(2, 3))
    assert y.shape == (2, 0, 3)
    assert last.shape == (2, 3)


class Ponder(nn.Module):
    """Doubles each position until it exceeds a limit."""

    def __init__(self, max_steps: int) -> None:
        self.limit = nn.Buffer(np.array(-7.5, np.float32))
        self.max_steps = max_steps

    def forward(self, x: pyseq.Tensor, other: pyseq.Tensor) -> Any:
        factor = ops.sigmoid(other)
        state, steps = pyseq.repeat(
            lambda s: (s[0] + s[0], s[1] * factor),
            (x, x),
            self.max_steps,
            until=lambda s: ops.relu(s[0] + self.limit),
        )
        return (*state, steps)


@pytest.mark.parametrize("max_steps", [0, 2, 50])
def test_repeat_halts_every_position_on_its_own(max_steps: int) -> None:
    model = Ponder(max_steps)
    x, other = np.abs(floats(3, 4)) + 0.1, floats(3, 4)
    x[0, 0] = 9  # halted before the first step
    doubled, shrunk, steps = (tensor.numpy() for tensor in model(x, other))
    expected_steps = np.zeros((3, 4), np.int64)
    expected = x.copy()
    for _ in range(max_steps):
        alive = expected <= 7.5
        expected = np.where(alive, expected + expected, expected)
        expected_steps += alive
    np.testing.assert_array_equal(doubled, expected)
    np.testing.assert_array_equal(steps, expected_steps)
    factor = 1 / (1 + np.exp(-other.astype(np.float64)))
    np.testing.assert_allclose(shrunk, x * factor**expected_steps, rtol=1e-5)

    program = program_of(model, x=x, other=other)
    x, other = np.abs(floats(2, 5)), floats(2, 5)
    outputs = program.run("forward", x=x, other=other)
    for number, tensor in enumerate(model(x, other)):
        np.testing.assert_array_equal(outputs[f"output_{number}"], tensor.numpy(), strict=True)


class Power(nn.Module):
    """As many steps as the input is long."""

    def forward(self, x: pyseq.Tensor) -> Any:
        return pyseq.repeat(lambda s: s + s, x, x.shape[1])


def test_repeat_without_a_mask_and_with_a_size_as_number_of_steps() -> None:
    model = Power()
    x = floats(2, 3)
    y, steps = model(x)
    np.testing.assert_array_equal(y.numpy(), x * 8)
    np.testing.assert_array_equal(steps.numpy(), [3, 3])
    program = program_of(model, x=x)
    longer = floats(1, 5)
    outputs = program.run("forward", x=longer)
    np.testing.assert_array_equal(outputs["output_0"], longer * 32)
    np.testing.assert_array_equal(outputs["output_1"], [5])


def test_errors() -> None:
    with pytest.raises(pyseq.ShapeError, match=r"scan: state has shape \[3, 2\], expected \[2\] first"):
        pyseq.scan(lambda x, h: (x, h), floats(2, 4, 2), floats(3, 2))
    with pytest.raises(pyseq.ArgumentError, match=r"scan: lengths are \[5 1\], expected numbers in \[0, 4\]"):
        pyseq.scan(lambda x, h: (x, h), floats(2, 4, 2), floats(2, 2), np.array([5, 1]))
    with pytest.raises(pyseq.ShapeError, match="scan: the state has shapes"):
        pyseq.scan(lambda x, h: (x, ops.concat(h, h)), floats(2, 4, 2), floats(2, 2))
    with pytest.raises(pyseq.ShapeError, match=r"until gives a mask \[3\], expected a prefix"):
        pyseq.repeat(lambda s: s, floats(2, 2), 3, until=lambda s: floats(3))
