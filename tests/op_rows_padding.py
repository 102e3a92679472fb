"""Rows of the op table: the valid steps of ragged batches, with and without padding."""

from __future__ import annotations

import numpy as np
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, normal, ragged, replaced

import pyseq


def mask_rows(x: Array, lengths: Array) -> Array:
    y = np.zeros_like(x)
    for row, length in enumerate(lengths):
        y[row, :length] = x[row, :length]
    return y


def pack_rows(x: Array, lengths: Array) -> Array:
    y = np.zeros((x.shape[0] * x.shape[1], *x.shape[2:]), x.dtype)
    first = 0
    for row, length in enumerate(lengths):
        y[first : first + length] = x[row, :length]
        first += length
    return y.reshape(x.shape)


def unpack_rows(x: Array, lengths: Array) -> Array:
    y, steps, first = np.zeros_like(x), x.reshape(-1, *x.shape[2:]), 0
    for row, length in enumerate(lengths):
        y[row, :length] = steps[first : first + length]
        first += length
    return y


def features(rng: Rng, batch: int, time: int) -> Inputs:
    return {"x": normal(rng, batch, time, 21), "lengths": ragged(rng, batch, time)}


def values(rng: Rng, batch: int, time: int) -> Inputs:
    return {"x": normal(rng, batch, time), "lengths": ragged(rng, batch, time)}


ERRORS = [
    OpError(replaced("lengths", np.array([1, 2, 7])), pyseq.ArgumentError, "lengths has 7 in row 2, expected 0 to 6"),
    OpError(replaced("lengths", np.array([1, 2])), pyseq.ShapeError, "lengths has 2 elements, expected 3"),
]
MASK_ROWS = OpRow(
    name="mask_rows",
    cases=[OpCase(features), OpCase(values)],
    reference=mask_rows,
    tolerance=0,
    batched=("x", "lengths"),
    time_axis={"x": 1, "0": 1},
    errors=ERRORS,
)
PACK_ROWS = OpRow(
    name="pack_rows",
    cases=[OpCase(features, row_by_row=False), OpCase(values, row_by_row=False)],
    reference=pack_rows,
    tolerance=0,
    batched=("x", "lengths"),
    time_axis={"x": 1},
    errors=ERRORS,
)
UNPACK_ROWS = OpRow(
    name="unpack_rows",
    cases=[OpCase(features, row_by_row=False), OpCase(values, row_by_row=False)],
    reference=unpack_rows,
    tolerance=0,
    batched=("x", "lengths"),
    errors=ERRORS,
)

ROWS = [MASK_ROWS, PACK_ROWS, UNPACK_ROWS]
