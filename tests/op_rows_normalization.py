"""Rows of the op table: normalisation and softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import reference
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal, replaced

import pyseq

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


def rms_norm(x: Array, weight: Array | None = None, epsilon: float = 1e-6) -> Array:
    x = reference.wide(x)
    y = x / np.sqrt((x**2).mean(-1, keepdims=True) + epsilon)
    return y if weight is None else y * weight


def residual_sum(x: Array, residual: Array, input_bias: Array | None) -> Array:
    return reference.wide(x) + residual + (0 if input_bias is None else input_bias)


def add_layer_norm(
    x: Array, residual: Array, weight: Any = None, bias: Any = None, input_bias: Any = None, **rest: float
) -> tuple[Array, Array]:
    total = residual_sum(x, residual, input_bias)
    return reference.layer_norm(total, weight, bias, **rest), total


def add_rms_norm(
    x: Array, residual: Array, weight: Any = None, input_bias: Any = None, **rest: float
) -> tuple[Array, Array]:
    total = residual_sum(x, residual, input_bias)
    return rms_norm(total, weight, **rest), total


RMS_NORM = OpRow(
    name="rms_norm",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 37), "weight": normal(rng, 37)}),
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 130)}, {"epsilon": 0.25}),
    ],
    reference=rms_norm,
    weights=("weight",),
    errors=[
        OpError(replaced("weight", np.ones(3, np.float32)), pyseq.ShapeError, "rms_norm: weight has 3 elements.*37"),
    ],
)


def residual_row(name: str, judge: Callable[..., Any], rows: tuple[str, ...]) -> OpRow:
    """An op that adds a residual and normalises: with everything, and with the residual alone."""

    def make(rng: Rng, batch: int, time: int) -> Inputs:
        return {"x": normal(rng, batch, time, 37), "residual": normal(rng, batch, time, 37)}

    def make_all(rng: Rng, batch: int, time: int) -> Inputs:
        return {**make(rng, batch, time), **{row: normal(rng, 37) for row in rows}}

    return OpRow(
        name=name,
        cases=[OpCase(make_all), OpCase(make, {"epsilon": 0.5})],
        reference=judge,
        tolerance=4e-6,
        batched=("x", "residual"),
        weights=rows,
        errors=[
            OpError(cut("residual"), pyseq.ShapeError, rf"{name}: residual has shape \[3, 6, 36\].*\[3, 6, 37\]"),
            OpError(cut("input_bias"), pyseq.ShapeError, f"{name}: input_bias has 36 elements, expected 37"),
        ],
    )


ROWS = [
    LAYER_NORM,
    RMS_NORM,
    residual_row("add_layer_norm", add_layer_norm, ("weight", "bias", "input_bias")),
    residual_row("add_rms_norm", add_rms_norm, ("weight", "input_bias")),
    softmax_row("softmax", reference.softmax),
    softmax_row("log_softmax", reference.log_softmax),
]
