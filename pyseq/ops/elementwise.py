"""Ops that treat every element alike."""

from __future__ import annotations

from pyseq.dim import Size
from pyseq.tensor import OperandT, apply


def add(a: OperandT, b: OperandT) -> OperandT:
    """Sum: y = a + b.

    Args:
        a: [..., n] float32.
        b: the shape of a, or a suffix of it (a bias, positions).

    Returns:
        y, the shape of a.

    Raises:
        ShapeError: the shape of b is no suffix of the shape of a.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.add(np.ones((2, 2), np.float32), np.array([1, 2], np.float32))
        array([[2., 3.],
               [2., 3.]], dtype=float32)
    """
    result: OperandT = apply("add", (a, b))[0]
    return result


def subtract(a: OperandT, b: OperandT) -> OperandT:
    """Difference, element by element: y = a − b.

    Args:
        a: [..., n] float32.
        b: the shape of a, or a suffix of it.

    Returns:
        y, the shape of a.

    Raises:
        ShapeError: the shape of b is no suffix of the shape of a.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.subtract(np.full((1, 2), 3, np.float32), np.array([1, 2], np.float32))
        array([[2., 1.]], dtype=float32)
    """
    result: OperandT = apply("subtract", (a, b))[0]
    return result


def multiply(a: OperandT, b: OperandT) -> OperandT:
    """Product, element by element: y = a · b.

    Args:
        a: [..., n] float32.
        b: the shape of a, or a suffix of it.

    Returns:
        y, the shape of a.

    Raises:
        ShapeError: the shape of b is no suffix of the shape of a.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.multiply(np.full((1, 2), 3, np.float32), np.array([1, 2], np.float32))
        array([[3., 6.]], dtype=float32)
    """
    result: OperandT = apply("multiply", (a, b))[0]
    return result


def divide(a: OperandT, b: OperandT) -> OperandT:
    """Quotient, element by element: y = a / b.

    Args:
        a: [..., n] float32.
        b: the shape of a, or a suffix of it.

    Returns:
        y, the shape of a.

    Raises:
        ShapeError: the shape of b is no suffix of the shape of a.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.divide(np.full((1, 2), 3, np.float32), np.array([1, 2], np.float32))
        array([[3. , 1.5]], dtype=float32)
    """
    result: OperandT = apply("divide", (a, b))[0]
    return result


def add_integer(x: OperandT, amount: Size) -> OperandT:
    """Add one integer to every element: y = x + amount. For positions and counters.

    Args:
        x: [...] int64.
        amount: an integer, or a size such as `tokens.shape[1]`.

    Returns:
        y, the shape of x, int64.

    Raises:
        DTypeError: x does not hold integers.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.add_integer(np.array([0, 5]), 3)
        array([3, 8])
    """
    result: OperandT = apply("add_integer", (x,), {"amount": amount})[0]
    return result


def relu(x: OperandT) -> OperandT:
    """Rectifier: y = max(x, 0).

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.relu(np.array([-1, 2], np.float32))
        array([0., 2.], dtype=float32)
    """
    result: OperandT = apply("relu", (x,))[0]
    return result


def tanh(x: OperandT) -> OperandT:
    """Hyperbolic tangent: y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ).

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x, within [−1, 1].

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.tanh(np.array([0, 20], np.float32))
        array([0., 1.], dtype=float32)
    """
    result: OperandT = apply("tanh", (x,))[0]
    return result


def sigmoid(x: OperandT) -> OperandT:
    """Logistic function: y = 1 / (1 + e⁻ˣ).

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x, within [0, 1].

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.sigmoid(np.zeros(2, np.float32))
        array([0.5, 0.5], dtype=float32)
    """
    result: OperandT = apply("sigmoid", (x,))[0]
    return result


def silu(x: OperandT) -> OperandT:
    """Sigmoid linear unit (swish): y = x σ(x) = x / (1 + e⁻ˣ).

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.silu(np.array([0, 100], np.float32))
        array([  0., 100.], dtype=float32)
    """
    result: OperandT = apply("silu", (x,))[0]
    return result


def gelu(x: OperandT, approximate: str = "none") -> OperandT:
    """Gaussian error linear unit: y = x Φ(x), Φ the normal distribution function.

    Args:
        x: [...] float32.
        approximate: "none" for Φ(x) = (1 + erf(x/√2)) / 2, or "tanh" for (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32. ValueError: an unknown approximation.

    Source:
        Hendrycks and Gimpel, "Gaussian error linear units" (2016).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.gelu(np.array([0, 10], np.float32))
        array([ 0., 10.], dtype=float32)
    """
    result: OperandT = apply("gelu", (x,), {"approximate": approximate})[0]
    return result
