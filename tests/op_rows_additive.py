"""Row of the op table: additive attention."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, cut, normal, ragged, replaced
from reference import softmax, wide

import pyseq
from pyseq import ops


def inputs(width: int, value_width: int, ragged_sources: bool) -> Callable[[Rng, int, int], Inputs]:
    return lambda rng, batch, time: {
        "query": normal(rng, batch, time + 1, width),
        "key": normal(rng, batch, time, width),
        "value": normal(rng, batch, time, value_width),
        "weight": normal(rng, width),
        "lengths": ragged(rng, batch, time) if ragged_sources else None,
    }


def shared_sources(rng: Rng, batch: int, time: int) -> Inputs:
    sources = inputs(20, 9, True)(rng, 2, time + 40)
    return {**sources, "query": normal(rng, batch, time, 20), "rows": rng.integers(0, 2, batch)}


def additive_attention(
    query: Array, key: Array, value: Array, weight: Array, lengths: Array | None = None, rows: Array | None = None
) -> tuple[Array, Array]:
    batch, queries, _ = query.shape
    y, weights = np.zeros((batch, queries, value.shape[2])), np.zeros((batch, 1, queries, key.shape[1]))
    for b in range(batch):
        source = b if rows is None else int(rows[b])
        count = key.shape[1] if lengths is None else int(lengths[source])
        if count == 0:
            continue
        hidden = np.tanh(wide(query[b])[:, None] + wide(key[source, :count])[None])
        weights[b, 0, :, :count] = softmax(hidden @ wide(weight))
        y[b] = weights[b, 0, :, :count] @ wide(value[source, :count])
    return y, weights


ROWS = [
    OpRow(
        name="additive_attention",
        cases=[
            OpCase(inputs(16, 16, False)),
            OpCase(inputs(37, 21, True)),
            OpCase(shared_sources),
        ],
        reference=additive_attention,
        tolerance=4e-6,
        batched=("query", "key", "value", "lengths"),
        weights=("weight",),
        time_axis={"key": 1, "value": 1},
        call=lambda **arguments: ops.additive_attention(**arguments, return_weights=True),
        errors=[
            OpError(cut("key"), pyseq.ShapeError, r"additive_attention: key has shape \[3, 6, 15\].*16"),
            OpError(cut("weight"), pyseq.ShapeError, "additive_attention: weight has 15 .*16"),
            OpError(replaced("rows", np.array([0, 1, 3])), pyseq.OutOfRangeError, "additive_attention: rows.*3"),
        ],
    )
]
