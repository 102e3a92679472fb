"""The row of stft in the op table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import reference_spectrum
from op_cases import Inputs, OpCase, OpError, OpRow, Rng, as_float64, normal, ragged, replaced

import pyseq
from pyseq import ops


def signal(window: int, hop: int, *, lengths: bool = False, carry: bool = False) -> Callable[[Rng, int, int], Inputs]:
    """`time` hops of a signal."""

    def make(rng: Rng, batch: int, time: int) -> Inputs:
        inputs: Inputs = {"x": normal(rng, batch, time * hop), "window": rng.random(window).astype(np.float32)}
        if lengths:
            inputs["lengths"] = ragged(rng, batch, time) * hop
        if carry:
            inputs["carry"] = normal(rng, batch, window - hop)
        return inputs

    return make


def run(**arguments: Any) -> Any:
    return ops.stft(**arguments, return_lengths=True)


ROWS = [
    OpRow(
        name="stft",
        cases=[
            OpCase(signal(8, 8), {"hop": 8}),
            OpCase(signal(20, 10, lengths=True), {"hop": 10, "fft_size": 32, "padding": [10, 9]}),
            OpCase(
                signal(25, 11, lengths=True), {"hop": 11, "fft_size": 70, "padding": [24, 3], "output": "magnitude"}
            ),
            OpCase(
                signal(30, 7, lengths=True, carry=True),
                {"hop": 7, "output": "power", "remove_mean": True, "preemphasis": 0.97},
            ),
            OpCase(signal(5, 9, lengths=True), {"hop": 9, "fft_size": 6, "preemphasis": 0.5}),
            OpCase(signal(2, 1), {"hop": 1, "padding": [1, 0], "output": "power"}),
            OpCase(signal(400, 160), {"hop": 160, "padding": [200, 200], "output": "power"}),
            OpCase(signal(251, 64, carry=True), {"hop": 64, "fft_size": 512}),
        ],
        reference=reference_spectrum.stft,
        batched=("x", "lengths", "carry"),
        weights=("window",),
        time_axis={"x": 1},
        call=run,
        errors=[
            OpError(as_float64("x"), pyseq.DTypeError, "stft: x .*float64.*float32"),
            OpError(replaced("window", np.zeros(0, np.float32)), pyseq.ShapeError, "stft: window has no values"),
            OpError(replaced("window", np.ones(9, np.float32)), pyseq.Error, "stft: fft_size has 9, expected an even"),
            OpError(replaced("window", np.ones(22, np.float32)), pyseq.Error, "stft: fft_size has 22.*factor above 7"),
            OpError(replaced("carry", np.zeros((3, 5), np.float32)), pyseq.ShapeError, r"stft: carry .*3, 5.*3, 0"),
            OpError(replaced("lengths", np.array([99, 1, 1])), pyseq.Error, "stft: lengths has 99 in row 0"),
        ],
    )
]
