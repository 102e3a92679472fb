"""Ops that add positions to a sequence of vectors."""

from __future__ import annotations

from pyseq.tensor import OperandT, apply


def sinusoidal_positions(
    x: OperandT,
    offset: OperandT | None = None,
    start: int = 0,
    layout: str = "interleaved",
    base: float = 10000.0,
    inclusive: bool = False,
) -> OperandT:
    """Add sines and cosines of the position: y[b, t] = x[b, t] + P(start + offset[b] + t).

    With width d and i = 0 … d/2 − 1, the angle of position p is p · base^(−i / (d/2)).

    Args:
        x: [batch, time, width] float32, width even.
        offset: [batch] int64: positions that came before, None for none.
        start: the number of the first position.
        layout: "interleaved" (sin and cos of angle i at 2i and 2i+1) or "split" (all sines, then all cosines).
        base: the longest wavelength over 2π.
        inclusive: the last angle is p / base exactly: the exponent is −i / (d/2 − 1).

    Returns:
        y [batch, time, width].

    Raises:
        ShapeError: an odd width. ValueError: an unknown layout.

    Source:
        Vaswani et al., "Attention is all you need" (2017), section 3.5.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.sinusoidal_positions(np.zeros((1, 1, 4), np.float32), layout="split")
        array([[[0., 0., 1., 1.]]], dtype=float32)
    """
    attributes = {"start": start, "layout": layout, "base": base, "inclusive": inclusive}
    result: OperandT = apply("sinusoidal_positions", (x, offset), attributes)[0]
    return result


def learned_positions(x: OperandT, weight: OperandT, offset: OperandT | None = None, start: int = 0) -> OperandT:
    """Add rows of a table: y[b, t] = x[b, t] + weight[start + offset[b] + t].

    Args:
        x: [batch, time, width] float32.
        weight: [count, width].
        offset: [batch] int64: positions that came before, None for none.
        start: the row of the first position.

    Returns:
        y [batch, time, width].

    Raises:
        OutOfRangeError: a position beyond the table.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> table = np.array([[1, 1], [2, 2]], np.float32)
        >>> ops.learned_positions(np.zeros((1, 2, 2), np.float32), table)
        array([[[1., 1.],
                [2., 2.]]], dtype=float32)
    """
    result: OperandT = apply("learned_positions", (x, weight, offset), {"start": start})[0]
    return result


def rotary(
    x: OperandT,
    offset: OperandT | None = None,
    *,
    num_heads: int,
    dims: int = 0,
    layout: str = "interleaved",
    base: float = 10000.0,
    start: int = 0,
) -> OperandT:
    """Turn pairs of values of each head by an angle that grows with the position: apply it to query and key.

    Pair i of position p = start + offset[b] + t turns by p · base^(−2i / dims):
    (a, b) → (a cos − b sin, a sin + b cos). Scores of attention then depend on distances only.

    Args:
        x: [batch, time, heads · d] float32: queries, or keys before they enter a cache.
        offset: [batch] int64: positions that came before, None for none.
        num_heads: heads of x.
        dims: how many values of each head turn, the first ones; 0 for all.
        layout: "interleaved" (pair i is values 2i and 2i + 1) or "split" (values i and i + dims / 2).
        base: the longest wavelength over 2π.
        start: the number of the first position.

    Returns:
        y [batch, time, heads · d].

    Raises:
        ShapeError: a width that the heads do not divide. ValueError: odd dims, an unknown layout.

    Source:
        Su et al., "RoFormer: Enhanced transformer with rotary position embedding" (2021), section 3.4.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.rotary(np.array([[[1, 0]]], np.float32), num_heads=1, start=1).round(3)
        array([[[0.54 , 0.841]]], dtype=float32)
    """
    attributes = {"num_heads": num_heads, "dims": dims, "layout": layout, "base": base, "start": start}
    result: OperandT = apply("rotary", (x, offset), attributes)[0]
    return result
