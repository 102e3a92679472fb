"""Rows of the op table: taking parts and putting them together."""

from __future__ import annotations

import numpy as np
from op_cases import OpCase, OpError, OpRow, normal, replaced

import pyseq

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

SPLIT_AXIS = OpRow(
    name="split_axis",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 6)}, {"axis": 2, "size": 3}),
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 6)}, {"axis": -2, "size": 1}),
    ],
    reference=lambda x, axis, size: x.reshape(
        *x.shape[: axis % 3], x.shape[axis % 3] // size, size, *x.shape[axis % 3 + 1 :]
    ),
    tolerance=0,
    errors=[
        OpError(lambda i: {"x": i["x"][..., :5].copy()}, pyseq.ArgumentError, "split_axis: size has 3, expected .* 5")
    ],
)

MERGE_AXES = OpRow(
    name="merge_axes",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 2, 3)}, {"axis": 2}),
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 2, 3)}, {"axis": -3}),
    ],
    reference=lambda x, axis: x.reshape(
        *x.shape[: axis % 4], x.shape[axis % 4] * x.shape[axis % 4 + 1], *x.shape[axis % 4 + 2 :]
    ),
    tolerance=0,
    errors=[OpError(replaced("x", np.zeros(3, np.float32)), pyseq.ArgumentError, "merge_axes: axis has")],
)

ROWS = [CONCAT, SLICE, GATHER_ROWS, SPLIT_AXIS, MERGE_AXES]
