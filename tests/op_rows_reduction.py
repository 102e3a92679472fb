"""Rows of the op table: reductions, the largest values, cross-entropy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import reference
from op_cases import Array, Inputs, OpCase, OpError, OpRow, Rng, as_float64, normal, ragged, replaced

import pyseq
from pyseq import ops


def reduction(name: str, reduce: Callable[..., Array], nothing: float) -> OpRow:
    """`reduce` is NumPy's; `nothing` what it gives for no values."""

    def judge(x: Array, axis: int = -1, lengths: Array | None = None) -> Array:
        x = reference.wide(x)
        if lengths is not None:
            rows = [
                reduce(row[:n], 0) if n else np.full(row.shape[1:], nothing) for row, n in zip(x, lengths, strict=True)
            ]
            return np.stack(rows) if rows else np.zeros((0, *x.shape[2:]))
        if x.shape[axis] == 0:
            return np.full(np.delete(x.shape, axis), nothing)
        return reduce(x, axis)

    def masked(rng: Rng, batch: int, time: int) -> Inputs:
        shortest = min(time, 0 if np.isfinite(nothing) else 1)  # infinities would make every tolerance infinite
        lengths = np.maximum(ragged(rng, batch, time), shortest)
        return {"x": normal(rng, batch, time, 75), "lengths": lengths}

    return OpRow(
        name=name,
        cases=[
            OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 75)}),
            OpCase(masked, {"axis": 1}),
            OpCase(lambda rng, batch, time: {"x": normal(rng, batch, 300, time)}, {"axis": -2}),
            OpCase(lambda rng, batch, time: {"x": normal(rng, batch, 5, time, 3)}, {"axis": 1}),
            OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time)}, {"axis": 1}),
        ],
        reference=judge,
        tolerance=4e-6,
        batched=("x", "lengths"),
        time_axis={"x": 1},
        errors=[
            OpError(as_float64("x"), pyseq.DTypeError, f"{name}: x .*float64.*float32"),
            OpError(lambda i: {"x": np.float32(1)[...]}, ValueError, f"{name}: axis has -1, expected an axis of x"),
            OpError(replaced("lengths", np.array([9, 1, 1])), ValueError, f"{name}: axis has 2, expected 1 .time"),
        ],
    )


def top_k(x: Array, k: int) -> tuple[Array, Array]:
    order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, -1), order


def few_values(rng: Rng, batch: int, time: int) -> Inputs:
    """Many equal values."""
    return {"x": rng.integers(0, 4, (batch, time, 100)).astype(np.float32)}


TOP_K = OpRow(
    name="top_k",
    cases=[
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 300)}, {"k": 7}),
        OpCase(few_values, {"k": 40}, smooth=False),
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 9)}, {"k": 9}),
        OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 1)}, {"k": 1}),
    ],
    reference=top_k,
    tolerance=0,
    errors=[
        OpError(lambda i: {"x": i["x"][..., :5].copy()}, ValueError, r"top_k: k has 7, expected 1 to 5"),
        OpError(as_float64("x"), pyseq.DTypeError, "top_k: x .*float64"),
    ],
)

ARGMAX = OpRow(
    name="argmax",
    cases=[OpCase(lambda rng, batch, time: {"x": normal(rng, batch, time, 77)}), OpCase(few_values)],
    reference=lambda x: np.argmax(x, -1),
    tolerance=0,
    errors=[OpError(lambda i: {"x": i["x"][..., :0].copy()}, pyseq.ShapeError, "argmax: x has shape .*not empty")],
)


def cross_entropy(
    logits: Array,
    targets: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> tuple[Array, Array]:
    classes = logits.shape[-1]
    weights = np.ones(classes) if weight is None else reference.wide(weight)
    counts = targets != ignore_index
    target = np.where(counts, targets, 0)
    q = np.zeros(logits.shape) + label_smoothing / classes * weights
    np.put_along_axis(q, target[..., None], (1 - label_smoothing) * weights[target][..., None], -1)
    q += np.where(np.arange(classes) == target[..., None], label_smoothing / classes * weights, 0)
    q *= counts[..., None]
    loss = -(q * reference.log_softmax(logits)).sum(-1)
    return loss, reference.softmax(logits) * q.sum(-1, keepdims=True) - q


def positions(classes: int, weighted: bool, ignored: int | None) -> Callable[[Rng, int, int], Inputs]:
    def make(rng: Rng, batch: int, time: int) -> Inputs:
        targets = rng.integers(0, classes, (batch, time))
        if ignored is not None:
            targets[rng.random(targets.shape) < 0.3] = ignored
        inputs = {"logits": normal(rng, batch, time, classes) * np.float32(4), "targets": targets}
        return {**inputs, "weight": rng.random(classes).astype(np.float32)} if weighted else inputs

    return make


CROSS_ENTROPY = OpRow(
    name="cross_entropy",
    cases=[
        OpCase(positions(37, False, -100)),
        OpCase(positions(64, True, None), {"label_smoothing": 0.1}),
        OpCase(positions(5, False, 2), {"ignore_index": 2, "label_smoothing": 1.0}),
    ],
    reference=cross_entropy,
    batched=("logits", "targets"),
    weights=("weight",),
    call=lambda **arguments: ops.cross_entropy(**arguments, return_gradient=True),
    errors=[
        OpError(replaced("targets", np.zeros((3, 5), int)), pyseq.ShapeError, r"cross_entropy: targets .*\[3, 6\]"),
        OpError(replaced("targets", np.full((3, 6), 37)), pyseq.OutOfRangeError, "cross_entropy: targets has 37.*37"),
        OpError(replaced("weight", np.ones(3, np.float32)), pyseq.ShapeError, "cross_entropy: weight has 3.*37"),
    ],
)


def binary_cross_entropy(logits: Array, targets: Array, pos_weight: Array | None = None) -> tuple[Array, Array]:
    x, t = reference.wide(logits), reference.wide(targets)
    q = 1 + ((1 if pos_weight is None else reference.wide(pos_weight)) - 1) * t
    loss = (1 - t) * x + q * np.logaddexp(0, -x)
    return loss, 1 - t - q / (1 + np.exp(x))


BINARY_CROSS_ENTROPY = OpRow(
    name="binary_cross_entropy",
    cases=[
        OpCase(
            lambda rng, batch, time: {
                "logits": normal(rng, batch, time, 21) * np.float32(5),
                "targets": rng.random((batch, time, 21), np.float32),
            }
        ),
        OpCase(
            lambda rng, batch, time: {
                "logits": normal(rng, batch, time, 3) * np.float32(20),
                "targets": rng.integers(0, 2, (batch, time, 3)).astype(np.float32),
                "pos_weight": rng.random(3, np.float32) * np.float32(4),
            }
        ),
    ],
    reference=binary_cross_entropy,
    batched=("logits", "targets"),
    weights=("pos_weight",),
    call=lambda **arguments: ops.binary_cross_entropy(**arguments, return_gradient=True),
    errors=[
        OpError(as_float64("logits"), pyseq.DTypeError, "binary_cross_entropy: logits .*float64"),
        OpError(
            replaced("targets", np.zeros((3, 6, 20), np.float32)),
            pyseq.ShapeError,
            r"binary_cross_entropy: targets has shape \[3, 6, 20\].*\[3, 6, 21\]",
        ),
        OpError(
            replaced("pos_weight", np.ones(3, np.float32)),
            pyseq.ShapeError,
            "binary_cross_entropy: pos_weight has 3 elements, expected 21",
        ),
    ],
)

ROWS = [
    reduction("sum", np.sum, 0.0),
    reduction("mean", np.mean, 0.0),
    reduction("max", np.max, -np.inf),
    TOP_K,
    ARGMAX,
    CROSS_ENTROPY,
    BINARY_CROSS_ENTROPY,
]
