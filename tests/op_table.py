"""One row per registered op: what drives the forward, determinism, padding, error and program tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import op_rows_attention
import op_rows_convolution
import op_rows_ctc
import op_rows_gemm
import op_rows_recurrent
import reference
from op_cases import Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal, replaced, weight

import pyseq


def pointwise(name: str, judge: Callable[..., Any], **attributes: Any) -> OpRow:
    def values(rng: Rng, batch: int, time: int) -> Inputs:
        return {"x": normal(rng, batch, time, 19) * np.float32(3)}

    return OpRow(
        name=name,
        cases=[OpCase(values), *([OpCase(values, attributes)] if attributes else [])],
        reference=judge,
        errors=[OpError(as_float64("x"), pyseq.DTypeError, f"{name}: x .*float64.*float32")],
    )


def linear_inputs(inputs: int, outputs: int, bias: bool, residual: bool = False) -> Callable[[Rng, int, int], Inputs]:
    return lambda rng, batch, time: {
        "x": normal(rng, batch, time, inputs),
        "weight": weight(rng, outputs, inputs),
        "bias": normal(rng, outputs) if bias else None,
        "residual": normal(rng, batch, time, outputs) if residual else None,
    }


LINEAR = OpRow(
    name="linear",
    cases=[
        OpCase(linear_inputs(7, 45, True)),
        OpCase(linear_inputs(300, 33, False)),
        OpCase(linear_inputs(513, 96, True), {"activation": "gelu"}),
        OpCase(linear_inputs(32, 17, True), {"activation": "relu"}),
        OpCase(linear_inputs(1, 1, True), {"activation": "sigmoid"}),
        OpCase(linear_inputs(40, 50, True, residual=True), {"activation": "silu"}),
    ],
    reference=reference.linear,
    batched=("x", "residual"),
    weights=("weight", "bias"),
    errors=[
        OpError(cut("weight"), pyseq.ShapeError, r"linear: weight .*\[45, 6\].*7"),
        OpError(cut("bias"), pyseq.ShapeError, "linear: bias has .*44.*45"),
        OpError(as_float64("x"), pyseq.DTypeError, "linear: x .*float64"),
    ],
)

EMBEDDING = OpRow(
    name="embedding",
    cases=[
        OpCase(
            lambda rng, batch, time: {"ids": rng.integers(0, 11, (batch, time)), "weight": normal(rng, 11, 20)},
            attributes,
        )
        for attributes in ({}, {"scale": 4.5})
    ],
    reference=reference.embedding,
    batched=("ids",),
    weights=("weight",),
    errors=[
        OpError(replaced("ids", np.array([[11]])), pyseq.OutOfRangeError, "embedding: .*11.*11"),
        OpError(replaced("ids", np.array([[-1]])), pyseq.OutOfRangeError, "embedding: .*-1"),
    ],
)


def two_inputs(suffix: bool) -> Callable[[Rng, int, int], Inputs]:
    return lambda rng, batch, time: {
        "a": normal(rng, batch, time, 21),
        "b": normal(rng, 21) if suffix else normal(rng, batch, time, 21),
    }


def elementwise(name: str, judge: Callable[..., Any]) -> OpRow:
    return OpRow(
        name=name,
        cases=[OpCase(two_inputs(False))],
        reference=judge,
        batched=("a", "b"),
        errors=[OpError(cut("b"), pyseq.ShapeError, f"{name}: b .*20.*21")],
    )


ADD_INTEGER = OpRow(
    name="add_integer",
    cases=[OpCase(lambda rng, batch, time: {"x": rng.integers(-9, 9, (batch, time))}, {"amount": 5})],
    reference=lambda x, amount: x + amount,
    errors=[OpError(lambda i: {"x": i["x"].astype(np.float32)}, pyseq.DTypeError, "add_integer: x .*float32.*int64")],
)

CONCAT = OpRow(
    name="concat",
    cases=[OpCase(lambda rng, batch, time: {"a": normal(rng, batch, time, 3), "b": normal(rng, batch, time, 18)})],
    reference=lambda a, b: np.concatenate([a, b], -1),
    batched=("a", "b"),
    tolerance=0,
    errors=[OpError(replaced("b", np.zeros((9, 9, 9), np.float32)), pyseq.ShapeError, "concat: b ")],
)

SLICE = OpRow(
    name="slice",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 9)}, {"axis": 2, "begin": 2, "end": 7}),
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 9)}, {"axis": -1, "begin": 0, "end": 9}),
    ],
    reference=lambda x, axis, begin, end: x[..., begin:end],
    tolerance=0,
    errors=[OpError(lambda i: {"x": i["x"][..., :5].copy()}, pyseq.Error, "slice: .*7")],
)

GATHER_ROWS = OpRow(
    name="gather_rows",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, 3, time, 4), "rows": rng.integers(0, 3, batch)}),
    ],
    reference=lambda x, rows: x[rows],
    batched=("rows",),
    tolerance=0,
    errors=[OpError(replaced("rows", np.array([3])), pyseq.OutOfRangeError, "gather_rows: .*3")],
)

LAYER_NORM = OpRow(
    name="layer_norm",
    cases=[
        OpCase(
            lambda rng, batch, time: {
                "x": normal(rng, batch, time, 37),
                "weight": normal(rng, 37),
                "bias": normal(rng, 37),
            }
        ),
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 64) + np.float32(30)}, {"epsilon": 1e-12}),
    ],
    reference=reference.layer_norm,
    tolerance=4e-6,
    weights=("weight", "bias"),
    errors=[
        OpError(replaced("weight", np.ones(3, np.float32)), pyseq.ShapeError, "layer_norm: weight has 3 elements.*37"),
    ],
)


def softmax_row(name: str, judge: Callable[..., Any]) -> OpRow:
    return OpRow(
        name=name,
        cases=[
            OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 50) * np.float32(5)}),
            OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 1)}),
        ],
        reference=judge,
        errors=[OpError(as_float64("x"), pyseq.DTypeError, f"{name}: x .*float64")],
    )


SINUSOIDAL_POSITIONS = OpRow(
    name="sinusoidal_positions",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 16)}),
        OpCase(
            lambda rng, batch, time: {"x": normal(rng, batch, time, 32), "offset": rng.integers(0, 300, batch)},
            {"start": 1, "layout": "split", "inclusive": True},
        ),
    ],
    reference=reference.sinusoidal_positions,
    batched=("x", "offset"),
    errors=[OpError(cut("x"), pyseq.ShapeError, "sinusoidal_positions: x .*15.*even")],
)

LEARNED_POSITIONS = OpRow(
    name="learned_positions",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 12), "weight": normal(rng, 64, 12)}),
        OpCase(
            lambda rng, batch, time: {
                "x": normal(rng, batch, time, 12),
                "weight": normal(rng, 64, 12),
                "offset": rng.integers(0, 9, batch),
            },
            {"start": 2},
        ),
    ],
    reference=reference.learned_positions,
    batched=("x", "offset"),
    weights=("weight",),
    errors=[
        OpError(replaced("weight", np.zeros((2, 12), np.float32)), pyseq.OutOfRangeError, "learned_positions: .*2"),
    ],
)


ROWS: dict[str, OpRow] = {
    row.name: row
    for row in [
        LINEAR,
        EMBEDDING,
        elementwise("add", lambda a, b: reference.wide(a) + b),
        elementwise("multiply", lambda a, b: reference.wide(a) * b),
        ADD_INTEGER,
        CONCAT,
        SLICE,
        GATHER_ROWS,
        LAYER_NORM,
        softmax_row("softmax", reference.softmax),
        softmax_row("log_softmax", reference.log_softmax),
        pointwise("relu", lambda x: np.maximum(reference.wide(x), 0)),
        pointwise("tanh", lambda x: np.tanh(reference.wide(x))),
        pointwise("sigmoid", reference.sigmoid),
        pointwise("gelu", reference.gelu, approximate="tanh"),
        SINUSOIDAL_POSITIONS,
        LEARNED_POSITIONS,
        *op_rows_attention.ROWS,
        *op_rows_recurrent.ROWS,
        *op_rows_convolution.ROWS,
        *op_rows_ctc.ROWS,
        *op_rows_gemm.ROWS,
    ]
}
