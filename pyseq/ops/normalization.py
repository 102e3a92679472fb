"""Ops over the last axis: layer normalisation and softmax."""

from __future__ import annotations

from pyseq.tensor import OperandT, apply


def layer_norm(
    x: OperandT, weight: OperandT | None = None, bias: OperandT | None = None, epsilon: float = 1e-5
) -> OperandT:
    """Normalise the last axis: y = (x − mean) / √(variance + ε) · weight + bias.

    Args:
        x: [..., n] float32.
        weight: [n], 1 when None.
        bias: [n], 0 when None.
        epsilon: ε, added to the (biased) variance.

    Returns:
        y [..., n].

    Raises:
        ShapeError: weight or bias do not have n elements.

    Source:
        Ba, Kiros and Hinton, "Layer normalization" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.layer_norm(np.array([[1, 3]], np.float32), epsilon=0.0)
        array([[-1.,  1.]], dtype=float32)
    """
    result: OperandT = apply("layer_norm", (x, weight, bias), {"epsilon": epsilon})[0]
    return result


def softmax(x: OperandT) -> OperandT:
    """Probabilities over the last axis: y_i = exp(x_i) / Σ_j exp(x_j).

    Args:
        x: [..., n] float32.

    Returns:
        y [..., n], sums to 1 along the last axis.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.softmax(np.zeros((1, 4), np.float32))
        array([[0.25, 0.25, 0.25, 0.25]], dtype=float32)
    """
    result: OperandT = apply("softmax", (x,))[0]
    return result


def log_softmax(x: OperandT) -> OperandT:
    """Log probabilities over the last axis: y_i = x_i − log Σ_j exp(x_j).

    Args:
        x: [..., n] float32.

    Returns:
        y [..., n].

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.log_softmax(np.array([[0, -100]], np.float32))
        array([[   0., -100.]], dtype=float32)
    """
    result: OperandT = apply("log_softmax", (x,))[0]
    return result
