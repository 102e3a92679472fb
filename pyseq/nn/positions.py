"""Positions: added to a sequence of vectors, or told to attention."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pyseq import _core, ops
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


class RelativePositions(Module):
    """A learned value per head and bucket of distances, which attention adds to its scores: `weight` [buckets, heads].

    Near distances have a bucket each, farther ones share buckets that grow with their logarithm, and all from
    `max_distance` on have one. One such module serves all layers of an encoder or decoder.

    Args:
        num_heads: heads.
        buckets: kinds of distances; with `bidirectional`, half of them are for keys behind the query.
        max_distance: where the last bucket begins.
        bidirectional: whether queries see keys behind their own position; without it these are like distance 0.

    Raises:
        ArgumentError: fewer than 4 buckets (2 without `bidirectional`), or a max_distance within the near ones.

    Source:
        Raffel et al., "Exploring the limits of transfer learning with a unified text-to-text Transformer" (2020).

    Example:
        >>> import numpy as np
        >>> from pyseq import nn
        >>> positions, attention = nn.RelativePositions(2, buckets=8, max_distance=16), nn.MultiHeadAttention(6, 2)
        >>> positions().shape  # distances −16 … 16
        (2, 33)
        >>> attention(np.ones((1, 5, 6), np.float32), relative=positions()).shape
        (1, 5, 6)
    """

    def __init__(self, num_heads: int, buckets: int = 32, max_distance: int = 128, bidirectional: bool = True) -> None:
        near = buckets // (4 if bidirectional else 2)
        if near < 1 or max_distance <= near:
            raise _core.ArgumentError(
                f"RelativePositions: {buckets} buckets up to distance {max_distance} do not fit each other"
            )
        self.weight = initialization.empty(buckets, num_heads)
        # A product with ones and zeros picks the rows, and keeps weight row by row.
        chosen = distance_buckets(np.arange(-max_distance, max_distance + 1), buckets, max_distance, bidirectional)
        self.chosen = Buffer(np.eye(buckets, dtype=np.float32)[:, chosen].copy())
        self.reset_parameters(initialization.construction_generator())

    def reset_parameters(self, random: np.random.Generator) -> None:
        """Normal with deviation 0.02."""
        self.weight.data[...] = 0.02 * random.standard_normal(self.weight.data.shape, np.float32)

    def forward(self) -> Tensor:
        """The values of all distances, `relative` [heads, 2 · max_distance + 1] of attention."""
        return ops.matmul(self.weight, self.chosen, transpose_a=True)


def distance_buckets(
    distances: NDArray[np.int64], buckets: int, max_distance: int, bidirectional: bool
) -> NDArray[np.int64]:
    """The bucket of each distance from a query to a key (see `RelativePositions`), in float32 as T5 has them."""
    if bidirectional:
        buckets //= 2
        side = np.where(distances > 0, buckets, 0)
        far = np.abs(distances)
    else:
        side = np.zeros_like(distances)
        far = np.maximum(-distances, 0)
    near = buckets // 2
    ratio = np.maximum(far, 1).astype(np.float32) / np.float32(near)
    steps = np.log(ratio) / np.float32(np.log(max_distance / near)) * np.float32(buckets - near)
    shared = np.minimum(near + steps.astype(np.int64), buckets - 1)
    found: NDArray[np.int64] = side + np.where(far < near, far, shared)
    return found


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
