"""Positions added to a sequence of vectors."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Tensor


class SinusoidalPositions(Module):
    """Add sines and cosines of the position (see `ops.sinusoidal_positions`).

    Args:
        start: the number of the first position.
        layout: "interleaved" or "split".
        base: the longest wavelength over 2π.
        inclusive: whether the last angle is position / base exactly.
    """

    def __init__(
        self, start: int = 0, layout: str = "interleaved", base: float = 10000.0, inclusive: bool = False
    ) -> None:
        self.start, self.layout, self.base, self.inclusive = start, layout, base, inclusive

    def forward(self, x: Tensor, offset: Tensor | None = None) -> Tensor:
        """X [batch, time, width], offset [batch] int64 (positions that came before) -> y [batch, time, width]."""
        return ops.sinusoidal_positions(x, offset, self.start, self.layout, self.base, self.inclusive)


class LearnedPositions(Module):
    """Add row `start + offset + t` of a learned table `weight` [count, width].

    Args:
        count: positions in the table.
        width: size of a vector.
        start: the row of the first position.
    """

    def __init__(self, count: int, width: int, start: int = 0) -> None:
        self.weight = initialization.empty(count, width)
        self.start = start
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Normal with deviation 0.02."""
        self.weight.data[...] = 0.02 * random.standard_normal(self.weight.data.shape, np.float32)

    def forward(self, x: Tensor, offset: Tensor | None = None) -> Tensor:
        """X [batch, time, width], offset [batch] int64 (positions that came before) -> y [batch, time, width]."""
        return ops.learned_positions(x, self.weight, offset, self.start)
