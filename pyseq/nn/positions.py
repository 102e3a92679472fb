"""Positions: added to a sequence of vectors, or told to attention."""

from __future__ import annotations

import numpy as np

from pyseq import ops
from pyseq.nn import initialization
from pyseq.nn.module import Module
from pyseq.tensor import Buffer, Tensor


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


class RotaryPositions(Module):
    """Turn pairs of values of queries and keys by an angle that grows with the position (see `ops.rotary`).

    Args:
        dims: how many values of each head turn, the first ones; 0 for all.
        layout: "interleaved" or "split".
        base: the longest wavelength over 2π.
    """

    def __init__(self, dims: int = 0, layout: str = "split", base: float = 10000.0) -> None:
        self.dims, self.layout, self.base = dims, layout, base

    def forward(self, x: Tensor, num_heads: int, offset: Tensor | None = None) -> Tensor:
        """X [batch, time, heads · d], offset [batch] int64 (positions before) -> y [batch, time, heads · d]."""
        return ops.rotary(x, offset, num_heads=num_heads, dims=self.dims, layout=self.layout, base=self.base)


def alibi_slopes(num_heads: int) -> Buffer:
    """Slopes of attention with linear biases: a geometric sequence over the heads that ends at 2⁻⁸.

    With n heads, a power of two, head h = 1 … n has 2^(−8h / n). Otherwise the largest power of two below gives its
    slopes first, the others are every second one of twice as many heads.

    Args:
        num_heads: heads.

    Returns:
        slopes [heads], for `MultiHeadAttention`.

    Source:
        Press et al., "Train short, test long: attention with linear biases" (2022).

    Example:
        >>> from pyseq import nn
        >>> nn.alibi_slopes(4).numpy()
        array([0.25      , 0.0625    , 0.015625  , 0.00390625], dtype=float32)
    """
    whole = 1 << (num_heads.bit_length() - 1)
    slopes = [2 ** (-8 * (head + 1) / whole) for head in range(whole)]
    slopes += [2 ** (-4 * (head + 1) / whole) for head in range(0, 2 * (num_heads - whole), 2)]
    return Buffer(np.array(slopes, np.float32))
