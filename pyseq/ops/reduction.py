"""Reductions over an axis, and the largest values of the last one."""

from __future__ import annotations

from pyseq.tensor import OperandT, apply


def sum(x: OperandT, axis: int = -1, lengths: OperandT | None = None) -> OperandT:
    """Sum over one axis: y = Σ x; with lengths, over the valid steps of the time axis alone.

    Args:
        x: [...] float32; [batch, time, ...] with lengths.
        axis: which axis; it must be 1 with lengths.
        lengths: [batch] int64.

    Returns:
        y, the shape of x without the axis; 0 where there is nothing to add.

    Raises:
        ValueError: an axis that x does not have, or lengths with another axis than 1, or a length that x does not have.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.sum(np.array([[1, 2], [3, 4]], np.float32), axis=0)
        array([4., 6.], dtype=float32)
    """
    result: OperandT = apply("sum", (x, lengths), {"axis": axis})[0]
    return result


def mean(x: OperandT, axis: int = -1, lengths: OperandT | None = None) -> OperandT:
    """Mean over one axis: y = Σ x / n; with lengths, over the valid steps of the time axis alone (mean pooling).

    Args:
        x: [...] float32; [batch, time, ...] with lengths.
        axis: which axis; it must be 1 with lengths.
        lengths: [batch] int64.

    Returns:
        y, the shape of x without the axis; 0 where there is nothing to average.

    Raises:
        ValueError: an axis that x does not have, or lengths with another axis than 1, or a length that x does not have.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.mean(np.array([[[1], [3], [99]]], np.float32), axis=1, lengths=np.array([2]))
        array([[2.]], dtype=float32)
    """
    result: OperandT = apply("mean", (x, lengths), {"axis": axis})[0]
    return result


def max(x: OperandT, axis: int = -1, lengths: OperandT | None = None) -> OperandT:
    """Maximum over one axis; with lengths, over the valid steps of the time axis alone. NaN when one value is NaN.

    Args:
        x: [...] float32; [batch, time, ...] with lengths.
        axis: which axis; it must be 1 with lengths.
        lengths: [batch] int64.

    Returns:
        y, the shape of x without the axis; −inf where there is nothing to compare.

    Raises:
        ValueError: an axis that x does not have, or lengths with another axis than 1, or a length that x does not have.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.max(np.array([[1, 5], [3, 4]], np.float32))
        array([5., 4.], dtype=float32)
    """
    result: OperandT = apply("max", (x, lengths), {"axis": axis})[0]
    return result


def top_k(x: OperandT, k: int) -> tuple[OperandT, OperandT]:
    """The k largest values of the last axis, in descending order, and where they stand.

    Of equal values the one with the lower index comes first; NaN ranks above every number.

    Args:
        x: [..., n] float32.
        k: how many, 1 to n.

    Returns:
        values [..., k] and indices [..., k] (int64).

    Raises:
        ValueError: k is not within 1 to n.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.top_k(np.array([1, 7, 3], np.float32), k=2)
        (array([7., 3.], dtype=float32), array([1, 2]))
    """
    values, indices = apply("top_k", (x,), {"k": k})
    return values, indices


def argmax(x: OperandT) -> OperandT:
    """Where the largest value of the last axis stands: the first of equal values, the first NaN if there is one.

    Args:
        x: [..., n] float32, n at least 1.

    Returns:
        index [...] int64.

    Raises:
        ShapeError: the last axis is empty.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.argmax(np.array([[1, 7, 3]], np.float32))
        array([1])
    """
    result: OperandT = apply("argmax", (x,))[0]
    return result
