"""Dropout: what keeps a model from learning its training data by heart."""

from __future__ import annotations

from pyseq.tensor import OperandT, apply


def dropout(
    x: OperandT, p: float = 0.5, *, seed: int = 0, stream: int = 0, step: int = 0, shared_axis: int | None = None
) -> OperandT:
    """Set values to 0 at random and scale the others: y = x · mask / (1 − p), mask = 0 with probability p, else 1.

    The mask is a function of seed, stream, step and of the place of a value in x: the same for any number of threads
    and on every processor. So the gradient of x is the dropout of the gradient of y with the same arguments.

    Args:
        x: [...] float32.
        p: probability of a 0, from 0 to 1.
        seed: key of the random numbers.
        stream: separates users of one seed, from 0 to 2³² − 1.
        step: separates the calls of one user, likewise.
        shared_axis: an axis along which all values share one mask, None for none. Axis 1 of [batch, time, features]
            drops the same features at all steps (variational dropout); the last axis drops whole rows, such as
            embeddings.

    Returns:
        y, of the shape of x.

    Raises:
        ValueError: p, stream or step out of range, or no such axis.

    Source:
        Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting" (2014); Gal and
        Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks" (2016); random
        numbers: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), Philox4x32-10.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.dropout(np.ones((2, 4), np.float32), 0.5, seed=2)
        array([[0., 0., 2., 0.],
               [0., 2., 0., 0.]], dtype=float32)
        >>> ops.dropout(np.ones((2, 4), np.float32), 0.5, seed=3, shared_axis=1)
        array([[2., 2., 2., 2.],
               [0., 0., 0., 0.]], dtype=float32)
    """
    axis = -1 if shared_axis is None else shared_axis
    if shared_axis is not None and shared_axis < 0:
        axis = shared_axis + x.ndim if shared_axis >= -x.ndim else x.ndim  # refused by the op
    attributes = {"p": float(p), "seed": seed, "stream": stream, "step": step, "shared_axis": axis}
    result: OperandT = apply("dropout", (x,), attributes)[0]
    return result
