"""The row of ctc_loss in the op table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import reference_ctc
from op_cases import Inputs, OpCase, OpError, OpRow, Rng, as_float64, normal, ragged, replaced

import pyseq
from pyseq import ops


def ctc_inputs(classes: int, blank: int, lengths: bool) -> Callable[[Rng, int, int], Inputs]:
    """Targets of half as many labels as frames always have an alignment, whatever repeats in them."""

    def make(rng: Rng, batch: int, time: int) -> Inputs:
        labels = rng.integers(0, classes - 1, (batch, time // 2))
        inputs: Inputs = {
            "logits": normal(rng, batch, time, classes) * np.float32(3),
            "targets": labels + (labels >= blank),
        }
        if lengths:
            inputs["lengths"] = ragged(rng, batch, time)
            inputs["target_lengths"] = inputs["lengths"] // 2
        return inputs

    return make


def targets_of(label: int, rows: int = 3) -> Callable[[Inputs], Inputs]:
    return replaced("targets", np.full((rows, 3), label))


def run(**arguments: Any) -> Any:
    return ops.ctc_loss(**arguments, return_gradient=True)


ROWS = [
    OpRow(
        name="ctc_loss",
        cases=[
            OpCase(ctc_inputs(5, 0, False)),
            OpCase(ctc_inputs(40, 17, True), {"blank": 17}),
            OpCase(ctc_inputs(3, 2, True), {"blank": 2, "zero_infinity": True}),
        ],
        reference=reference_ctc.ctc_loss,
        batched=("logits", "targets", "lengths", "target_lengths"),
        time_axis={"logits": 1},
        call=run,
        errors=[
            OpError(as_float64("logits"), pyseq.DTypeError, "ctc_loss: logits .*float64.*float32"),
            OpError(targets_of(5), pyseq.OutOfRangeError, "ctc_loss: targets has 5.*5 classes"),
            OpError(targets_of(0), pyseq.Error, "ctc_loss: targets has the blank 0 in row 0"),
            OpError(targets_of(1, rows=2), pyseq.ShapeError, r"ctc_loss: targets .*\[2, 3\].*\[3, any\]"),
            OpError(replaced("lengths", np.array([99, 1, 1])), pyseq.Error, "ctc_loss: lengths has 99 in row 0"),
            OpError(
                replaced("target_lengths", np.array([1, 4, 1])),
                pyseq.Error,
                r"ctc_loss: target_lengths has 4 in row 1, expected 0 to 3 \(labels in targets\)",
            ),
        ],
    )
]
