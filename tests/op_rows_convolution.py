"""Rows of conv1d, conv2d and the pools in the op table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import reference_convolution as judges
from op_cases import Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal, ragged, replaced

import pyseq
from pyseq import ops

Make = Callable[[Rng, int, int], Inputs]


def kernels(rng: Rng, *shape: int) -> Any:
    """Weights [out, in, taps...] whose sums over a window are of the size of its values."""
    return (rng.standard_normal(shape) / np.prod(shape[1:]) ** 0.5).astype(np.float32)


def line(width: int, out: int, kernel: int, *, groups: int = 1, lengths: bool = False, bias: bool = True) -> Make:
    def make(rng: Rng, batch: int, time: int) -> Inputs:
        inputs: Inputs = {"x": normal(rng, batch, time, width), "weight": kernels(rng, out, width // groups, kernel)}
        inputs["bias"] = normal(rng, out) if bias else None
        if lengths:
            inputs["lengths"] = ragged(rng, batch, time)
        return inputs

    return make


def with_carry(make: Make, reach: int) -> Make:
    def stream(rng: Rng, batch: int, time: int) -> Inputs:
        inputs = make(rng, batch, time)
        return {**inputs, "carry": normal(rng, batch, reach, inputs["x"].shape[2])}

    return stream


def plane(width: int, out: int, kernel: tuple[int, int], groups: int = 1, bias: bool = True) -> Make:
    return lambda rng, batch, time: {
        "x": normal(rng, batch, time, 5, width),
        "weight": kernels(rng, out, width // groups, *kernel),
        "bias": normal(rng, out) if bias else None,
    }


def run_conv1d(**arguments: Any) -> Any:
    return ops.conv1d(**arguments, return_lengths=True)


def judge_conv1d(**arguments: Any) -> Any:
    y, carry, lengths = judges.conv1d(**arguments)
    return (y, lengths) if arguments.get("carry") is None else (y, carry, lengths)


CONV1D = OpRow(
    name="conv1d",
    cases=[
        OpCase(line(7, 45, 3)),
        OpCase(line(20, 33, 3, lengths=True, bias=False), {"padding": [1, 1], "activation": "gelu"}),
        OpCase(line(90, 16, 5, lengths=True), {"padding": [2, 3], "stride": 2}),
        OpCase(line(12, 40, 3, lengths=True), {"padding": [4, 0], "dilation": 2, "activation": "relu"}),
        OpCase(line(6, 8, 2, lengths=True), {"padding": [3, 3], "dilation": 3, "stride": 2}),
        OpCase(line(12, 20, 3, groups=4, lengths=True), {"padding": [1, 1], "groups": 4}),
        OpCase(line(4, 128, 2, groups=2), {"groups": 2, "padding": [1, 0]}),
        OpCase(line(53, 53, 5, groups=53, lengths=True), {"groups": 53, "padding": [2, 2], "activation": "tanh"}),
        OpCase(line(16, 16, 3, groups=16, bias=False), {"groups": 16, "stride": 3, "dilation": 2, "padding": [1, 5]}),
        OpCase(line(9, 21, 1), {"activation": "sigmoid"}),
        OpCase(with_carry(line(11, 34, 4, lengths=True), 6), {"dilation": 2}),
        OpCase(with_carry(line(18, 18, 3, groups=18), 2), {"groups": 18}),
    ],
    reference=judge_conv1d,
    batched=("x", "lengths", "carry"),
    weights=("weight", "bias"),
    time_axis={"x": 1, "0": 1},
    call=run_conv1d,
    errors=[
        OpError(cut("x"), pyseq.ShapeError, r"conv1d: weight has shape \[45, 7, 3\], expected 6 in dimension 1"),
        OpError(cut("bias"), pyseq.ShapeError, "conv1d: bias has .*44.*45"),
        OpError(as_float64("x"), pyseq.DTypeError, "conv1d: x .*float64"),
        OpError(replaced("weight", np.ones((4, 7), np.float32)), pyseq.ShapeError, r"conv1d: weight .*\[4, 7\].*3 dim"),
        OpError(replaced("weight", np.ones((45, 7, 0), np.float32)), pyseq.Error, "conv1d: kernel has 0, expected 1"),
        OpError(
            replaced("carry", np.ones((3, 1, 7), np.float32)),
            pyseq.ShapeError,
            r"conv1d: carry .*\[3, 1, 7\].*\[3, 2, 7\]",
        ),
        OpError(replaced("lengths", np.array([99, 1, 1])), pyseq.Error, "conv1d: lengths has 99 in row 0"),
    ],
)

CONV2D = OpRow(
    name="conv2d",
    cases=[
        OpCase(plane(3, 35, (3, 3))),
        OpCase(plane(20, 16, (3, 2), bias=False), {"padding": [1, 1, 0, 1], "activation": "relu"}),
        OpCase(plane(5, 9, (2, 3)), {"stride": [2, 1], "dilation": [1, 2], "padding": [1, 0, 2, 2]}),
        OpCase(plane(6, 12, (3, 3), groups=3), {"groups": 3, "padding": [1, 1, 1, 1]}),
        OpCase(plane(37, 37, (3, 3), groups=37), {"groups": 37, "padding": [1, 1, 1, 1], "stride": [1, 2]}),
        OpCase(plane(30, 50, (1, 1)), {"activation": "gelu"}),
        OpCase(plane(8, 8, (1, 1), bias=False), {"stride": [2, 2]}),
    ],
    reference=judges.conv2d,
    weights=("weight", "bias"),
    errors=[
        OpError(cut("x"), pyseq.ShapeError, r"conv2d: weight has shape \[35, 3, 3, 3\], expected 2 in dimension 1"),
        OpError(cut("bias"), pyseq.ShapeError, "conv2d: bias has .*34.*35"),
        OpError(as_float64("x"), pyseq.DTypeError, "conv2d: x .*float64"),
    ],
)


def pool_inputs(width: int, lengths: bool) -> Make:
    def make(rng: Rng, batch: int, time: int) -> Inputs:
        inputs: Inputs = {"x": normal(rng, batch, time, width)}
        if lengths:
            inputs["lengths"] = ragged(rng, batch, time)
        return inputs

    return make


def pool_rows(kind: str, **option: bool) -> list[OpRow]:
    lines: list[tuple[int, bool, Mapping[str, Any]]] = [
        (19, False, {"kernel": 2, "stride": 2}),
        (5, True, {"kernel": 3, "stride": 1, "padding": [1, 1], **option}),
        (33, True, {"kernel": 5, "stride": 3, "padding": [4, 2]}),
    ]
    planes: list[tuple[int, Mapping[str, Any]]] = [
        (17, {"kernel": [2, 2], "stride": [2, 2]}),
        (4, {"kernel": [3, 2], "stride": [1, 2], "padding": [2, 1, 0, 1], **option}),
    ]

    def plane_inputs(width: int) -> Make:
        return lambda rng, batch, time: {"x": normal(rng, batch, time, 5, width)}

    def run(**arguments: Any) -> Any:
        return getattr(ops, f"{kind}_pool1d")(**arguments, return_lengths=True)

    return [
        OpRow(
            name=f"{kind}_pool1d",
            cases=[OpCase(pool_inputs(width, lengths), attributes) for width, lengths, attributes in lines],
            reference=lambda **arguments: judges.pool1d(kind, **arguments),
            batched=("x", "lengths"),
            time_axis={"x": 1, "0": 1},
            call=run,
            errors=[
                OpError(as_float64("x"), pyseq.DTypeError, f"{kind}_pool1d: x .*float64"),
                OpError(
                    replaced("lengths", np.array([99, 1, 1])), pyseq.Error, f"{kind}_pool1d: lengths has 99 in row 0"
                ),
            ],
        ),
        OpRow(
            name=f"{kind}_pool2d",
            cases=[OpCase(plane_inputs(width), attributes) for width, attributes in planes],
            reference=lambda **arguments: judges.pool2d(kind, **arguments),
            errors=[OpError(as_float64("x"), pyseq.DTypeError, f"{kind}_pool2d: x .*float64")],
        ),
    ]


ROWS = [CONV1D, CONV2D, *pool_rows("max"), *pool_rows("mean", count_padding=True)]
