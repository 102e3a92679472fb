"""A training step of a language model with pyseq: forward, loss, backward, clipping and Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

import pyseq
from pyseq import ops
from pyseq.train import Adam, FlatParameters


class PyseqTraining:
    """A module that gives (logits, state), its optimizer, and the tokens of a case ([batch, time + 1])."""

    def __init__(self, module: Any, case: Any) -> None:
        self.module = module
        self.parameters = FlatParameters(module)
        self.optimizer = Adam(self.parameters, 1e-3)
        tokens = case.tokens()
        self.inputs, self.targets = (np.ascontiguousarray(part) for part in (tokens[:, :-1], tokens[:, 1:]))

    def step(self) -> float:
        """One update; the mean loss before it."""
        self.parameters.zero_gradients()
        with pyseq.Tape() as tape:
            logits, _ = self.module(pyseq.Tensor(self.inputs))
            losses = ops.cross_entropy(logits, pyseq.Tensor(self.targets))
        tape.backward(losses, np.full(losses.data.shape, 1 / losses.data.size, np.float32))
        self.parameters.clip_gradient_norm(1.0)
        self.optimizer.step()
        return float(losses.data.mean())
