"""One row per registered op: what drives the forward, determinism, padding, error and program tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import op_rows_additive
import op_rows_attention
import op_rows_convolution
import op_rows_crf
import op_rows_ctc
import op_rows_elementwise
import op_rows_gemm
import op_rows_normalization
import op_rows_padding
import op_rows_recurrent
import op_rows_reduction
import op_rows_regularization
import op_rows_selection
import op_rows_spectrum
import reference
from op_cases import Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal, replaced, weight

import pyseq


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
        SINUSOIDAL_POSITIONS,
        LEARNED_POSITIONS,
        *op_rows_additive.ROWS,
        *op_rows_attention.ROWS,
        *op_rows_recurrent.ROWS,
        *op_rows_convolution.ROWS,
        *op_rows_crf.ROWS,
        *op_rows_ctc.ROWS,
        *op_rows_elementwise.ROWS,
        *op_rows_gemm.ROWS,
        *op_rows_normalization.ROWS,
        *op_rows_padding.ROWS,
        *op_rows_reduction.ROWS,
        *op_rows_regularization.ROWS,
        *op_rows_selection.ROWS,
        *op_rows_spectrum.ROWS,
    ]
}
