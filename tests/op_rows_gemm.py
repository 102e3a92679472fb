"""Rows of the op table: products of two matrices of the caller."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal, replaced, weight
from reference import linear, wide

import pyseq
from pyseq import ops


def matmul(a: Array, b: Array, transpose_a: bool = False, transpose_b: bool = False) -> Array:
    """In float64."""
    left = wide(a).swapaxes(-1, -2) if transpose_a else wide(a)
    return left @ (wide(b).swapaxes(-1, -2) if transpose_b else wide(b))


def shared_b(k: int, n: int) -> Callable[[Rng, int, int], Inputs]:
    return lambda rng, batch, time: {"a": normal(rng, batch, time, k), "shared": normal(rng, k, n)}


def attention_like(rng: Rng, batch: int, time: int) -> Inputs:
    return {"a": normal(rng, batch, 2, time, 20), "b": normal(rng, batch, 2, time, 20)}


def gradient_like(rng: Rng, batch: int, time: int) -> Inputs:
    return {"a": normal(rng, batch, time, 17), "b": normal(rng, batch, time, 33)}


def weight_gradient(rng: Rng, batch: int, time: int) -> Inputs:
    return {"a": normal(rng, batch, 300, 40), "shared": normal(rng, 9, 300)}


def run_matmul(a: Array, b: Array | None = None, shared: Array | None = None, **attributes: bool) -> Array:
    """`shared` is a b without leading axes: it does not belong to the batch."""
    return ops.matmul(a, b if shared is None else shared, **attributes)


def judge_matmul(a: Array, b: Array | None = None, shared: Array | None = None, **attributes: bool) -> Array:
    return matmul(a, b if shared is None else shared, **attributes)


MATMUL = OpRow(
    name="matmul",
    cases=[
        OpCase(shared_b(9, 45)),
        OpCase(shared_b(300, 1)),
        OpCase(attention_like, {"transpose_b": True}),
        OpCase(gradient_like, {"transpose_a": True}),
        OpCase(weight_gradient, {"transpose_a": True, "transpose_b": True}),
    ],
    reference=judge_matmul,
    call=run_matmul,
    weights=("shared",),
    batched=("a", "b"),
    errors=[
        OpError(cut("a"), pyseq.ShapeError, r"matmul: b has shape \[9, 45\], expected 8 rows \(columns of a"),
        OpError(
            replaced("shared", np.ones((2, 9, 45), np.float32)), pyseq.ShapeError, "matmul: b .*leading dim.* of a"
        ),
        OpError(as_float64("a"), pyseq.DTypeError, "matmul: a .*float64"),
    ],
)


def linear_group(name: str, count: int) -> OpRow:
    """Maps of different widths, the last one without a bias; narrow and wide rows."""

    def inputs(depth: int, widths: tuple[int, ...]) -> Callable[[Rng, int, int], Inputs]:
        return lambda rng, batch, time: {
            "x": normal(rng, batch, time, depth),
            **{f"weight_{i}": weight(rng, widths[i], depth) for i in range(count)},
            **{f"bias_{i}": normal(rng, widths[i]) for i in range(count - 1)},
        }

    def judge(x: Array, **operands: Array) -> tuple[Array, ...]:
        return tuple(linear(x, operands[f"weight_{i}"], operands.get(f"bias_{i}")) for i in range(count))

    return OpRow(
        name=name,
        cases=[OpCase(inputs(7, (45, 3, 32))), OpCase(inputs(300, (33, 64, 1))), OpCase(inputs(1, (1, 1, 1)))],
        reference=judge,
        weights=tuple(f"{kind}_{i}" for kind in ("weight", "bias") for i in range(count)),
        errors=[
            OpError(cut("weight_1"), pyseq.ShapeError, rf"{name}: weight_1 has shape \[3, 6\].*7"),
            OpError(cut("bias_0"), pyseq.ShapeError, f"{name}: bias_0 has 44 elements, expected 45"),
            OpError(as_float64("x"), pyseq.DTypeError, f"{name}: x .*float64"),
        ],
    )


ROWS = [MATMUL, linear_group("linear_pair", 2), linear_group("linear_triple", 3)]
