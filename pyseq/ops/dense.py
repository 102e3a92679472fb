"""Products with a weight, and rows looked up in one."""

from __future__ import annotations

from pyseq.tensor import OperandT, apply


def linear(
    x: OperandT,
    weight: OperandT,
    bias: OperandT | None = None,
    activation: str = "none",
    residual: OperandT | None = None,
) -> OperandT:
    """Affine map of the last axis, with an optional activation and addend: y = f(x Wᵀ + b) + residual.

    Args:
        x: [..., in] float32.
        weight: [out, in].
        bias: [out] or None.
        activation: f: "none", "relu", "gelu", "gelu_tanh", "tanh", "sigmoid" or "silu".
        residual: [..., out] or None.

    Returns:
        y [..., out].

    Raises:
        ShapeError, DTypeError: an input does not fit. ValueError: an unknown activation.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, weight = np.array([[1, 2]], np.float32), np.array([[3, 4], [-1, -1]], np.float32)
        >>> ops.linear(x, weight, activation="relu")
        array([[11.,  0.]], dtype=float32)
    """
    result: OperandT = apply("linear", (x, weight, bias, residual), {"activation": activation})[0]
    return result


def linear_pair(
    x: OperandT,
    weight_0: OperandT,
    weight_1: OperandT,
    bias_0: OperandT | None = None,
    bias_1: OperandT | None = None,
) -> tuple[OperandT, OperandT]:
    """Two affine maps of the same x: y_i = x W_iᵀ + b_i, with the bits of two `linear`.

    Its rows are read (rounded, quantised) once. Compile passes make it of the projections of a model.

    Args:
        x: [..., in] float32.
        weight_0: [out_0, in].
        weight_1: [out_1, in].
        bias_0: [out_0] or None.
        bias_1: [out_1] or None.

    Returns:
        y_0 [..., out_0] and y_1 [..., out_1].

    Raises:
        ShapeError, DTypeError: an input does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, weight = np.array([[1, 2]], np.float32), np.array([[3, 4]], np.float32)
        >>> ops.linear_pair(x, weight, -weight)
        (array([[11.]], dtype=float32), array([[-11.]], dtype=float32))
    """
    y_0, y_1 = apply("linear_pair", (x, weight_0, weight_1, bias_0, bias_1))
    return y_0, y_1


def linear_triple(
    x: OperandT,
    weight_0: OperandT,
    weight_1: OperandT,
    weight_2: OperandT,
    bias_0: OperandT | None = None,
    bias_1: OperandT | None = None,
    bias_2: OperandT | None = None,
) -> tuple[OperandT, OperandT, OperandT]:
    """Three affine maps of the same x, as `linear_pair`: queries, keys and values of an attention.

    Args:
        x: [..., in] float32.
        weight_0: [out_0, in].
        weight_1: [out_1, in].
        weight_2: [out_2, in].
        bias_0: [out_0] or None.
        bias_1: [out_1] or None.
        bias_2: [out_2] or None.

    Returns:
        y_0 [..., out_0], y_1 [..., out_1] and y_2 [..., out_2].

    Raises:
        ShapeError, DTypeError: an input does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, weight = np.array([[1, 2]], np.float32), np.array([[3, 4]], np.float32)
        >>> ops.linear_triple(x, weight, -weight, weight, bias_2=np.ones(1, np.float32))
        (array([[11.]], dtype=float32), array([[-11.]], dtype=float32), array([[12.]], dtype=float32))
    """
    y_0, y_1, y_2 = apply("linear_triple", (x, weight_0, weight_1, weight_2, bias_0, bias_1, bias_2))
    return y_0, y_1, y_2


def matmul(a: OperandT, b: OperandT, transpose_a: bool = False, transpose_b: bool = False) -> OperandT:
    """Matrix product of the last two axes: y = a b, with aᵀ or bᵀ in their place when asked for.

    Sums run in the order of `linear`: `matmul(x, weight, transpose_b=True)` has the bits of `linear(x, weight)`.

    Args:
        a: [..., m, k] float32, or [..., k, m] with `transpose_a`.
        b: [..., k, n] float32, or [..., n, k] with `transpose_b`: the leading axes of `a`, or none (every matrix of `a`
            is multiplied by the same one).
        transpose_a: use the transpose of each matrix of `a`.
        transpose_b: use the transpose of each matrix of `b`.

    Returns:
        y [..., m, n].

    Raises:
        ShapeError, DTypeError: an input does not fit.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> a, b = np.array([[1, 2]], np.float32), np.array([[3, 4], [5, 6]], np.float32)
        >>> ops.matmul(a, b)
        array([[13., 16.]], dtype=float32)
        >>> ops.matmul(a, b, transpose_b=True)
        array([[11., 17.]], dtype=float32)
    """
    attributes = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    result: OperandT = apply("matmul", (a, b), attributes)[0]
    return result


def embedding(ids: OperandT, weight: OperandT, scale: float = 1.0) -> OperandT:
    """Rows of a table: y[...] = scale · weight[ids[...]].

    Args:
        ids: [...] int64 or int32, each in [0, count).
        weight: [count, width] float32.
        scale: factor of every row, √width in the Transformer.

    Returns:
        y [..., width].

    Raises:
        OutOfRangeError: an id outside the table.

    Source:
        Vaswani et al., "Attention is all you need" (2017), section 3.4, for the scale.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.embedding(np.array([1]), np.array([[1, 2], [3, 4]], np.float32), scale=2.0)
        array([[6., 8.]], dtype=float32)
    """
    result: OperandT = apply("embedding", (ids, weight), {"scale": scale})[0]
    return result
