"""Masks of ragged batches."""

from __future__ import annotations

from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from pyseq import _core
from pyseq.tensor import Array, Tensor


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
