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
