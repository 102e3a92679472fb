"""The masks that dropout makes of random words."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from op_cases import Array
from philox_reference import MASK, philox


def words_of_elements(count: int, seed: int, stream: int, step: int) -> Array:
    """The word of every element of a mask: word e / 16 mod 4 of block 16 (e / 64) + e mod 16."""
    e = np.arange(count)
    blocks = 16 * (e // 64) + e % 16
    counter: Any = [np.asarray(part, np.uint64) for part in (blocks & MASK, blocks >> 32, step, stream)]
    words = philox(counter, [seed & MASK, seed >> 32 & MASK])
    return np.choose(e // 16 % 4, words)


def keep_mask(shape: tuple[int, ...], p: float, seed: int, stream: int, step: int, shared_axis: int | None) -> Array:
    """True where x is kept; of shape with one value along the shared axis."""
    sizes = list(shape)
    if shared_axis is not None:
        sizes[shared_axis] = 1
    words = words_of_elements(math.prod(sizes), seed, stream, step)
    return np.asarray(words >= p * 2.0**32).reshape(sizes)


def dropout(
    x: Array, p: float = 0.5, *, seed: int = 0, stream: int = 0, step: int = 0, shared_axis: int | None = None
) -> Array:
    """float64."""
    wide = np.asarray(x, np.float64)
    if p == 1:
        return np.zeros_like(wide)
    return np.where(keep_mask(x.shape, p, seed, stream, step, shared_axis), wide / (1 - p), 0)
