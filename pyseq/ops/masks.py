"""Masks of ragged batches."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from pyseq import _core
from pyseq.tensor import Array, OperandT, Tensor, apply


@overload
def sequence_mask(lengths: Tensor, time: int | None = ...) -> Tensor: ...


@overload
def sequence_mask(lengths: ArrayLike, time: int | None = ...) -> Array: ...


def sequence_mask(lengths: Tensor | ArrayLike, time: int | None = None) -> Tensor | Array:
    """Which steps of a ragged batch count: mask[b, t] = 1 where t < lengths[b], else 0.

    Args:
        lengths: [batch] integers.
        time: steps of the mask; None: the largest length.

    Returns:
        mask [batch, time] float32.

    Raises:
        ArgumentError: a length is negative or larger than time.

    Example:
        >>> from pyseq import ops
        >>> ops.sequence_mask([1, 3], 4)
        array([[1., 0., 0., 0.],
               [1., 1., 1., 0.]], dtype=float32)
    """
    values = np.asarray(lengths.data if isinstance(lengths, Tensor) else lengths, np.int64)
    most = int(values.max(initial=0)) if time is None else time
    if values.size and not (values.min() >= 0 and values.max() <= most):
        raise _core.ArgumentError(f"sequence_mask: lengths has {values.tolist()}, expected values in 0 to {most}")
    mask = (np.arange(most) < values[:, None]).astype(np.float32)
    return Tensor(mask) if isinstance(lengths, Tensor) else mask


def mask_rows(x: OperandT, lengths: OperandT) -> OperandT:
    """Zeros in place of padding: y[b, t] = x[b, t] where t < lengths[b], else 0.

    A model that returns this for a ragged batch says that nobody looks at padding: its program then computes valid
    steps alone (docs/architecture.md, Padding).

    Args:
        x: [batch, time, ...] of any type.
        lengths: [batch] int64.

    Returns:
        y, the shape of x.

    Raises:
        ShapeError: not one length per row. ArgumentError: a length that x does not have.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.mask_rows(np.ones((2, 3), np.float32), np.array([1, 3]))
        array([[1., 0., 0.],
               [1., 1., 1.]], dtype=float32)
    """
    result: OperandT = apply("mask_rows", (x, lengths))[0]
    return result


def pack_rows(x: OperandT, lengths: OperandT) -> OperandT:
    """Valid steps without the padding between them: y holds x[0, :lengths[0]], x[1, :lengths[1]], ..., then zeros.

    Args:
        x: [batch, time, ...] of any type.
        lengths: [batch] int64.

    Returns:
        y, the shape of x; its first Σ lengths steps are the valid ones.

    Raises:
        ShapeError: not one length per row. ArgumentError: a length that x does not have.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.pack_rows(np.array([[1, 9], [2, 3]], np.float32), np.array([1, 2]))
        array([[1., 2.],
               [3., 0.]], dtype=float32)
    """
    result: OperandT = apply("pack_rows", (x, lengths))[0]
    return result


def unpack_rows(x: OperandT, lengths: OperandT) -> OperandT:
    """The way back from `pack_rows`: y[b, t] is the valid step t of row b, zero where t ≥ lengths[b].

    Args:
        x: [batch, time, ...] of any type, its first Σ lengths steps the valid ones.
        lengths: [batch] int64.

    Returns:
        y, the shape of x.

    Raises:
        ShapeError: not one length per row. ArgumentError: a length that x does not have.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.unpack_rows(np.array([[1, 2], [3, 9]], np.float32), np.array([1, 2]))
        array([[1., 0.],
               [2., 3.]], dtype=float32)
    """
    result: OperandT = apply("unpack_rows", (x, lengths))[0]
    return result
