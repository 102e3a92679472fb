"""CTC loss with its gradient with respect to the logits: a training step's part, softmax included."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.peers.engines import pyseq_engine, torch_engine
from bench.peers.engines.results import first_array
from bench.peers.model import SCALED, Array, Call, Case, Target, Workload, normal
from pyseq import ops

FRAMES, BATCH, LABELS = 500, 16, 60
RATIOS = {"C32": 6.0, "C5000": 3.0}


def build(name: str, threads: int) -> Case:
    """Random logits and targets."""
    classes = int(name[1:])
    logits = normal(1, BATCH, FRAMES, classes)
    targets = np.random.default_rng(2).integers(1, classes, (BATCH, LABELS))

    def with_torch(dtype: str = "float32") -> Call:
        torch = torch_engine.library(threads)
        functional = torch.nn.functional
        # Its own layout: time first.
        x = torch_engine.tensor(logits.transpose(1, 0, 2), dtype).requires_grad_(True)
        labels = torch.from_numpy(targets)
        lengths, label_lengths = torch.full((BATCH,), FRAMES), torch.full((BATCH,), LABELS)

        def call() -> Any:
            x.grad = None
            logarithms = torch.log_softmax(x, -1)
            functional.ctc_loss(logarithms, labels, lengths, label_lengths, reduction="sum").backward()
            return x.grad.transpose(0, 1)

        return call

    def with_pyseq() -> Call:
        pyseq_engine.start(threads)
        arrays: tuple[Array, Array] = (logits, targets)
        return pyseq_engine.supported(lambda: ops.ctc_loss(*arrays, return_gradient=True)[1], "ctc_loss")

    return Case(
        engines={"torch": with_torch, "pyseq": with_pyseq},
        reference="torch",
        targets={"float32": Target(ratio=RATIOS[name], scaling=SCALED)},
        output=first_array,
        exact=lambda: with_torch("float64"),
        tolerance={"float32": 1e-2},  # logarithms of probabilities lose three digits in float32
    )


WORKLOAD = Workload("ctc_loss", list(RATIOS), build, quick=["C32"])
