"""The rows of conditional random fields in the op table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import reference_crf
from op_cases import Inputs, OpCase, OpError, OpRow, Rng, as_float64, cut, normal, ragged, replaced

import pyseq
from pyseq import ops


def path_inputs(labels: int, ends: bool, lengths: bool) -> Callable[[Rng, int, int], Inputs]:
    def make(rng: Rng, batch: int, time: int) -> Inputs:
        inputs: Inputs = {
            "emissions": normal(rng, batch, time, labels) * np.float32(2),
            "transitions": normal(rng, labels, labels),
        }
        if ends:
            inputs.update(start=normal(rng, labels), end=normal(rng, labels))
        if lengths:
            inputs["lengths"] = ragged(rng, batch, time)
        return inputs

    return make


def loss_inputs(labels: int, ends: bool, lengths: bool) -> Callable[[Rng, int, int], Inputs]:
    make_path = path_inputs(labels, ends, lengths)

    def make(rng: Rng, batch: int, time: int) -> Inputs:
        return {**make_path(rng, batch, time), "targets": rng.integers(0, labels, (batch, time))}

    return make


def run_loss(**arguments: Any) -> Any:
    return ops.crf_loss(**arguments, return_gradient=True)


def errors(op: str) -> list[OpError]:
    return [
        OpError(as_float64("emissions"), pyseq.DTypeError, f"{op}: emissions .*float64.*float32"),
        OpError(
            cut("transitions"), pyseq.ShapeError, rf"{op}: transitions .*\[9, 8\].*\[9, 9\].*emissions \[3, 6, 9\]"
        ),
        OpError(replaced("start", np.zeros(4, np.float32)), pyseq.ShapeError, f"{op}: start has 4 .*expected 9"),
        OpError(replaced("end", np.zeros(4, np.float32)), pyseq.ShapeError, f"{op}: end has 4 .*expected 9"),
        OpError(replaced("lengths", np.array([99, 1, 1])), pyseq.Error, f"{op}: lengths has 99 in row 0"),
        OpError(
            replaced("emissions", np.zeros((3, 6, 0), np.float32)),
            pyseq.ShapeError,
            f"{op}: emissions .*at least one label",
        ),
    ]


ROWS = [
    OpRow(
        name="crf_loss",
        cases=[
            OpCase(loss_inputs(9, True, True)),
            OpCase(loss_inputs(45, False, True)),
            OpCase(loss_inputs(2, True, False)),
        ],
        reference=reference_crf.crf_loss,
        tolerance=4e-6,
        batched=("emissions", "targets", "lengths"),
        weights=("transitions", "start", "end"),
        time_axis={"emissions": 1, "1": 1},
        call=run_loss,
        errors=[
            *errors("crf_loss"),
            OpError(
                replaced("targets", np.full((3, 6), 9)), pyseq.OutOfRangeError, "crf_loss: targets has 9.*9 labels"
            ),
            OpError(
                replaced("targets", np.zeros((3, 5), np.int64)),
                pyseq.ShapeError,
                r"crf_loss: targets .*\[3, 5\].*\[3, 6\]",
            ),
        ],
    ),
    *(
        OpRow(
            name=name,
            cases=[
                OpCase(path_inputs(9, True, True)),
                OpCase(path_inputs(45, False, True)),
                OpCase(path_inputs(2, True, False)),
            ],
            reference=reference,
            batched=("emissions", "lengths"),
            weights=("transitions", "start", "end"),
            time_axis={"emissions": 1, "0": 1},
            errors=errors(name),
        )
        for name, reference in (("crf_marginals", reference_crf.crf_marginals), ("viterbi", reference_crf.viterbi))
    ),
]
