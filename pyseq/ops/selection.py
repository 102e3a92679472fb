"""Ops that put tensors together and take parts of them."""

from __future__ import annotations

from pyseq.dim import Size
from pyseq.tensor import OperandT, apply


def concat(a: OperandT, b: OperandT) -> OperandT:
    """Join along the last axis: y = [a, b].

    Args:
        a: [..., m] float32.
        b: [..., n], the other sizes as those of a.

    Returns:
        y [..., m + n].

    Raises:
        ShapeError: the other sizes differ.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.concat(np.zeros((1, 2), np.float32), np.ones((1, 1), np.float32))
        array([[0., 0., 1.]], dtype=float32)
    """
    result: OperandT = apply("concat", (a, b))[0]
    return result


def slice(x: OperandT, axis: int, begin: Size, end: Size) -> OperandT:
    """A part of one axis: y = x[..., begin:end, ...].

    Args:
        x: a tensor of any type.
        axis: which axis; negative ones count from the end.
        begin: first position, an integer or a size.
        end: position after the last, an integer or a size.

    Returns:
        y, with end − begin positions along the axis.

    Raises:
        ValueError, ShapeError: the axis or the range does not exist.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.slice(np.array([[1, 2, 3]], np.float32), axis=1, begin=1, end=3)
        array([[2., 3.]], dtype=float32)
    """
    result: OperandT = apply("slice", (x,), {"axis": axis, "begin": begin, "end": end})[0]
    return result


def gather_rows(x: OperandT, rows: OperandT) -> OperandT:
    """Rows by number: y[b] = x[rows[b]].

    Args:
        x: [sources, ...].
        rows: [batch] int64, each in [0, sources).

    Returns:
        y [batch, ...].

    Raises:
        OutOfRangeError: a row that x does not have.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.gather_rows(np.array([[1], [2]], np.float32), np.array([1, 1, 0]))
        array([[2.],
               [2.],
               [1.]], dtype=float32)
    """
    result: OperandT = apply("gather_rows", (x, rows))[0]
    return result


def split_axis(x: OperandT, axis: int, size: Size) -> OperandT:
    """One axis as two: [..., n, ...] becomes [..., n / size, size, ...].

    Args:
        x: a tensor of any type.
        axis: which axis; negative ones count from the end.
        size: of the second of the two; 1 adds an axis.

    Returns:
        y, the same values in the same order.

    Raises:
        ValueError: there is no such axis, or size does not divide it.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.split_axis(np.array([[1, 2, 3, 4]], np.float32), axis=1, size=2).tolist()
        [[[1.0, 2.0], [3.0, 4.0]]]
    """
    result: OperandT = apply("split_axis", (x,), {"axis": axis, "size": size})[0]
    return result


def merge_axes(x: OperandT, axis: int) -> OperandT:
    """Two axes as one: [..., m, n, ...] becomes [..., m · n, ...].

    Args:
        x: a tensor of any type.
        axis: the first of the two; negative ones count from the end.

    Returns:
        y, the same values in the same order.

    Raises:
        ValueError: there is no such axis, or none behind it.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.merge_axes(np.ones((2, 3, 4, 5), np.float32), axis=1).shape
        (2, 12, 5)
    """
    result: OperandT = apply("merge_axes", (x,), {"axis": axis})[0]
    return result
