"""Rows of the op table: functions of every element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import reference
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal

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


def positive(name: str, judge: Callable[..., Any]) -> OpRow:
    return OpRow(
        name=name,
        cases=[
            OpCase(lambda rng, batch, time: {"x": np.exp(normal(rng, batch, time, 19) * np.float32(9))}, smooth=False),
            OpCase(lambda rng, batch, time: {"x": np.exp(normal(rng, batch, time, 19))}),
        ],
        reference=judge,
        errors=[OpError(as_float64("x"), pyseq.DTypeError, f"{name}: x .*float64.*float32")],
    )


def with_attributes(name: str, judge: Callable[..., Any], *attributes: dict[str, float]) -> OpRow:
    return OpRow(
        name=name,
        cases=[
            OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 19) * np.float32(3)}, chosen)
            for chosen in attributes
        ],
        reference=judge,
        errors=[OpError(as_float64("x"), pyseq.DTypeError, f"{name}: x .*float64.*float32")],
    )


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(reference.wide(x)))


def leaky_relu(x: Array, slope: float = 0.01) -> Array:
    return np.where(x > 0, x, slope * reference.wide(x))


def divisors(rng: Rng, batch: int, time: int) -> Inputs:
    return {"a": normal(rng, batch, time, 21), "b": np.abs(normal(rng, batch, time, 21)) + np.float32(0.5)}


ROWS = [
    elementwise("add", lambda a, b: reference.wide(a) + b),
    elementwise("subtract", lambda a, b: reference.wide(a) - b),
    elementwise("multiply", lambda a, b: reference.wide(a) * b),
    replace(elementwise("divide", lambda a, b: reference.wide(a) / b), cases=[OpCase(divisors)]),
    ADD_INTEGER,
    pointwise("relu", lambda x: np.maximum(reference.wide(x), 0)),
    pointwise("tanh", lambda x: np.tanh(reference.wide(x))),
    pointwise("sigmoid", reference.sigmoid),
    pointwise("silu", reference.ACTIVATIONS["silu"]),
    pointwise("gelu", reference.gelu, approximate="tanh"),
    pointwise("exp", lambda x: np.exp(reference.wide(x))),
    positive("log", lambda x: np.log(reference.wide(x))),
    positive("sqrt", lambda x: np.sqrt(reference.wide(x))),
    pointwise("negative", lambda x: -reference.wide(x)),
    pointwise("softplus", lambda x: np.logaddexp(reference.wide(x), 0)),
    with_attributes("elu", elu, {}, {"alpha": 0.3}),
    with_attributes("leaky_relu", leaky_relu, {}, {"slope": 0.25}),
    with_attributes("clip", lambda x, lower, upper: np.clip(x, lower, upper), {"lower": -1, "upper": 2}),
]
