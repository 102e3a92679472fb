"""Dropout as a module."""

from __future__ import annotations

from pyseq import _core, ops, random
from pyseq.nn.module import Module
from pyseq.tensor import Tensor, active_recorder


class Dropout(Module):
    """Set values to 0 at random while training (see `ops.dropout`); in evaluation and in programs nothing happens.

    Every call draws a step of the active stream (`pyseq.random`).

    Args:
        p: probability of a 0.
        shared_axis: an axis along which all values share one mask: 1 for variational dropout over [batch, time,
            features], −1 for whole embeddings.

    Raises:
        ArgumentError: p is not from 0 to 1.

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> dropout = nn.Dropout(0.5)
        >>> sorted(set(dropout(np.ones(1000, np.float32)).numpy().tolist()))
        [0.0, 2.0]
        >>> dropout.eval()(np.ones(3, np.float32)).numpy()
        array([1., 1., 1.], dtype=float32)
    """

    def __init__(self, p: float = 0.5, shared_axis: int | None = None) -> None:
        if not 0 <= p <= 1:
            raise _core.ArgumentError(f"Dropout: p is {p}, expected 0 to 1")
        self.p, self.shared_axis = p, shared_axis

    def forward(self, x: Tensor) -> Tensor:
        """X [...] -> y [...]."""
        if not self.training or self.p == 0 or active_recorder() is not None:
            return x
        draw = random.active().draw()
        return ops.dropout(x, self.p, seed=draw.seed, stream=draw.stream, step=draw.step, shared_axis=self.shared_axis)

    def __repr__(self) -> str:
        return f"Dropout(p={self.p}, shared_axis={self.shared_axis})"
