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

ROWS = [CONCAT, SLICE, GATHER_ROWS]
