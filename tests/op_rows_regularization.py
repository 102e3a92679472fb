"""Rows of the op table: batch and instance normalisation, dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import reference
import reference_random
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal, ragged, replaced

import pyseq
from pyseq import ops


def batch_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    mean: Array | None = None,
    variance: Array | None = None,
    lengths: Array | None = None,
    epsilon: float = 1e-5,
) -> tuple[Array, Array, Array]:
    """y and the statistics used."""
    x = reference.wide(x)
    valid = np.ones(x.shape[:-1], bool) if lengths is None else np.arange(x.shape[1]) < lengths[:, None]
    if mean is None or variance is None:
        rows = x[valid] if valid.any() else np.zeros((1, x.shape[-1]))
        mean, variance = rows.mean(0), rows.var(0)
    y = (np.where(valid[..., None], x, 0) - mean) / np.sqrt(reference.wide(variance) + epsilon)
    y = y * (1 if weight is None else weight) + (0 if bias is None else bias)
    return np.where(valid[..., None], y, 0), mean, variance


def run_batch_norm(**arguments: Any) -> Any:
    return ops.batch_norm(**arguments, return_statistics=arguments.get("mean") is None)


def judge_batch_norm(**arguments: Any) -> Any:
    results = batch_norm(**arguments)
    return results if arguments.get("mean") is None else results[0]


def inputs(channels: int, *, affine: bool = True, given: bool = False, lengths: bool = False, shift: float = 0) -> Any:
    def make(rng: Rng, batch: int, time: int) -> Inputs:
        made: Inputs = {"x": normal(rng, batch, time, channels) + np.float32(shift)}
        if affine:
            made |= {"weight": normal(rng, channels), "bias": normal(rng, channels)}
        if given:
            variance = rng.uniform(0.1, 2, channels).astype(np.float32)
            made |= {"mean": normal(rng, channels), "variance": variance}
        if lengths:
            made["lengths"] = ragged(rng, batch, time)
        return made

    return make


BATCH_NORM = OpRow(
    name="batch_norm",
    cases=[
        OpCase(inputs(37, given=True)),
        OpCase(inputs(64, given=True, affine=False, lengths=True), {"epsilon": 0.1}),
        OpCase(inputs(3), row_by_row=False),
        OpCase(inputs(70, lengths=True), {"epsilon": 1e-3}, row_by_row=False),
        OpCase(inputs(130, affine=False, shift=30), row_by_row=False),
    ],
    reference=judge_batch_norm,
    tolerance=4e-6,
    batched=("x", "lengths"),
    weights=("weight", "bias", "mean", "variance"),
    time_axis={"x": 1, "0": 1},
    call=run_batch_norm,
    errors=[
        OpError(as_float64("x"), pyseq.DTypeError, "batch_norm: x .*float64"),
        OpError(cut("weight"), pyseq.ShapeError, "batch_norm: weight has 36 elements, expected 37"),
        OpError(cut("variance"), pyseq.ShapeError, "batch_norm: variance has 36 elements, expected 37"),
        OpError(replaced("mean", None), pyseq.Error, "batch_norm: mean has been left out, expected mean and variance"),
        OpError(replaced("lengths", np.array([99, 1, 1])), pyseq.Error, "batch_norm: lengths has 99 in row 0"),
    ],
)


def instance_norm(x: Array, lengths: Array | None = None, **arguments: Any) -> Array:
    """Every row alone is a batch of its own."""
    rows = []
    for number in range(len(x)):
        length = None if lengths is None else lengths[number : number + 1]
        rows.append(batch_norm(x[number : number + 1], lengths=length, **arguments)[0])
    return np.concatenate(rows) if rows else reference.wide(x)


INSTANCE_NORM = OpRow(
    name="instance_norm",
    cases=[
        OpCase(inputs(3)),
        OpCase(inputs(70, lengths=True), {"epsilon": 1e-3}),
        OpCase(inputs(130, affine=False, shift=30), {"epsilon": 0.1}),
    ],
    reference=instance_norm,
    tolerance=4e-6,
    batched=("x", "lengths"),
    weights=("weight", "bias"),
    time_axis={"x": 1, "0": 1},
    errors=[
        OpError(as_float64("x"), pyseq.DTypeError, "instance_norm: x .*float64"),
        OpError(cut("weight"), pyseq.ShapeError, "instance_norm: weight has 2 elements, expected 3"),
        OpError(replaced("lengths", np.array([99, 1, 1])), pyseq.Error, "instance_norm: lengths has 99 in row 0"),
    ],
)


def rows_of(width: int) -> Callable[[Rng, int, int], Inputs]:
    return lambda rng, batch, time: {"x": normal(rng, batch, time, width)}


DROPOUT = OpRow(
    name="dropout",
    cases=[
        OpCase(rows_of(width), attributes, row_by_row=False)
        for width, attributes in [
            (37, {"p": 0.3, "seed": 5}),
            (700, {"p": 0.5, "seed": 2**62 + 9, "stream": 2**32 - 1, "step": 7}),
            (45, {"p": 0.1, "seed": -3, "step": 2**32 - 1, "shared_axis": 1}),
            (300, {"p": 0.4, "shared_axis": -1, "stream": 3}),
            (20, {"p": 0.5, "shared_axis": 0, "seed": 1}),
            (5, {"p": 0.0}),
            (5, {"p": 1.0}),
        ]
    ],
    reference=reference_random.dropout,
    errors=[OpError(as_float64("x"), pyseq.DTypeError, "dropout: x .*float64")],
)

ROWS = [BATCH_NORM, INSTANCE_NORM, DROPOUT]
