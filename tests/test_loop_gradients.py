"""Gradients of `scan` and `repeat`: against the same steps written out, and against central differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

import pyseq
from pyseq import Parameter, Tape, Tensor, ops

Array = np.ndarray[Any, Any]
BATCH, TIME, WIDTH = 3, 4, 5


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def sum_of_squares(*tensors: Tensor) -> Tensor:
    total: Any = None
    for tensor in tensors:
        squares = ops.multiply(tensor, tensor)
        while squares.ndim > 0:
            squares = ops.sum(squares)
        total = squares if total is None else ops.add(total, squares)
    return total


def gradients(function: Callable[..., Tensor], arrays: Sequence[Array]) -> list[Array]:
    leaves = [Parameter(array.copy()) for array in arrays]
    with Tape() as tape:
        loss = function(*leaves)
    tape.backward(loss)
    assert len(tape) == 0
    return [np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad for leaf in leaves]


class Cell:
    """h = tanh(x W + h U + memory); y = h * x. Reads two parameters and a tensor computed outside."""

    def __init__(self, weight: Tensor, recurrent: Tensor, memory: Tensor) -> None:
        self.weight, self.recurrent, self.memory = weight, recurrent, memory

    def __call__(self, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        total = ops.linear(x, self.weight, residual=ops.linear(h, self.recurrent, residual=self.memory))
        h = ops.tanh(total)
        return ops.multiply(h, x), h


ARRAYS = [
    normal(BATCH, TIME, WIDTH),
    normal(BATCH, WIDTH, seed=1),
    normal(WIDTH, WIDTH, seed=2) / 2,
    normal(WIDTH, WIDTH, seed=3) / 2,
    normal(BATCH, WIDTH, seed=4),
]


def by_scan(lengths: Array | None) -> Callable[..., Tensor]:
    def loss(x: Tensor, h: Tensor, weight: Tensor, recurrent: Tensor, memory: Tensor) -> Tensor:
        cell = Cell(weight, recurrent, ops.tanh(memory))
        ys, final = pyseq.scan(cell, x, h, lengths)
        return sum_of_squares(ys, final)

    return loss


def written_out(lengths: Array | None) -> Callable[..., Tensor]:
    def loss(x: Tensor, h: Tensor, weight: Tensor, recurrent: Tensor, memory: Tensor) -> Tensor:
        cell = Cell(weight, recurrent, ops.tanh(memory))
        parts = []
        for t in range(TIME):
            alive = np.ones((BATCH, WIDTH), np.float32)
            if lengths is not None:
                alive *= (t < lengths)[:, None]
            x_t = step_of(x, t)
            y, following = cell(x_t, h)
            parts.append(ops.multiply(y, Tensor(alive)))
            h = ops.add(ops.multiply(following, Tensor(alive)), ops.multiply(h, Tensor(1 - alive)))
        return sum_of_squares(*parts, h)

    return loss


def step_of(x: Tensor, t: int) -> Tensor:
    return ops.sum(ops.slice(x, axis=1, begin=t, end=t + 1), axis=1)


@pytest.mark.parametrize("lengths", [None, np.array([4, 0, 2])], ids=["all", "ragged"])
def test_scan_has_the_gradients_of_its_steps_written_out(lengths: Array | None) -> None:
    for name, found, expected in zip(
        ("x", "h", "weight", "recurrent", "memory"),
        gradients(by_scan(lengths), ARRAYS),
        gradients(written_out(lengths), ARRAYS),
        strict=True,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_loop_is_one_node() -> None:
    weight = Parameter(ARRAYS[2])
    cell = Cell(weight, Tensor(ARRAYS[3]), Tensor(ARRAYS[4]))
    with Tape() as tape:
        pyseq.scan(cell, Tensor(ARRAYS[0]), Tensor(ARRAYS[1]))
    assert len(tape) == 1


def test_what_has_no_gradient_is_not_recorded() -> None:
    cell = Cell(Tensor(ARRAYS[2]), Tensor(ARRAYS[3]), Tensor(ARRAYS[4]))
    with Tape() as tape:
        pyseq.scan(cell, Tensor(ARRAYS[0]), Tensor(ARRAYS[1]))
    assert len(tape) == 0


def test_repeat_stops_each_position_where_it_halted() -> None:
    """y doubles until it is above a limit: dy/dx is 2 to the number of its steps."""
    x = np.array([1, 3, 9], np.float32)
    limit = Tensor(np.array(-7.5, np.float32))

    def loss(start: Tensor) -> Tensor:
        y, _ = pyseq.repeat(lambda y: ops.add(y, y), start, 10, until=lambda y: ops.relu(ops.add(y, limit)))
        return ops.sum(y)

    np.testing.assert_array_equal(gradients(loss, [x])[0], np.array([8, 4, 1], np.float32))


def test_a_loop_inside_a_loop() -> None:
    def inner(weight: Tensor, h: Tensor) -> Tensor:
        return pyseq.repeat(lambda s: ops.tanh(ops.linear(s, weight)), h, 2)[0]

    def nested(x: Tensor, h: Tensor, weight: Tensor) -> Tensor:
        _, final = pyseq.scan(lambda x_t, s: (s, inner(weight, ops.add(s, x_t))), x, h)
        return sum_of_squares(final)

    def flat(x: Tensor, h: Tensor, weight: Tensor) -> Tensor:
        for t in range(TIME):
            h = ops.add(h, step_of(x, t))
            h = ops.tanh(ops.linear(ops.tanh(ops.linear(h, weight)), weight))
        return sum_of_squares(h)

    for found, expected in zip(gradients(nested, ARRAYS[:3]), gradients(flat, ARRAYS[:3]), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_result_may_be_something_from_outside() -> None:
    def loss(x: Tensor, memory: Tensor) -> Tensor:
        outside = ops.tanh(memory)
        ys, _ = pyseq.scan(lambda x_t, s: (outside, s), x, Tensor(np.zeros((BATCH, WIDTH), np.float32)))
        return ops.sum(ops.sum(ops.sum(ys)))

    found = gradients(loss, [ARRAYS[0], ARRAYS[4]])
    np.testing.assert_allclose(found[1], TIME * (1 - np.tanh(ARRAYS[4]) ** 2), rtol=1e-5)
    assert not found[0].any()


def test_a_detached_state_ends_the_way_back() -> None:
    """Truncated backpropagation: the second stretch gives nothing to the first."""
    weight = Parameter(ARRAYS[2])
    cell = Cell(weight, Tensor(ARRAYS[3]), Tensor(ARRAYS[4]))
    start = Parameter(ARRAYS[1])
    with Tape() as tape:
        _, state = pyseq.scan(cell, Tensor(ARRAYS[0]), start)
        _, final = pyseq.scan(cell, Tensor(ARRAYS[0]), state.detach())
        loss = sum_of_squares(final)
    tape.backward(loss)
    assert start.grad is None
    assert weight.grad is not None
