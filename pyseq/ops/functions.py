"""Functions of every element: exp, log, sqrt, negative, softplus, elu, leaky_relu, clip."""

from __future__ import annotations

from pyseq.tensor import OperandT, apply


def exp(x: OperandT) -> OperandT:
    """Exponential: y = eˣ.

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.exp(np.array([0, 1], np.float32))
        array([1.       , 2.7182817], dtype=float32)
    """
    result: OperandT = apply("exp", (x,))[0]
    return result


def log(x: OperandT) -> OperandT:
    """Natural logarithm: y = ln x; −inf at 0, NaN below.

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.log(np.array([1, 0], np.float32))
        array([  0., -inf], dtype=float32)
    """
    result: OperandT = apply("log", (x,))[0]
    return result


def sqrt(x: OperandT) -> OperandT:
    """Square root: y = √x; NaN below 0.

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.sqrt(np.array([4, 9], np.float32))
        array([2., 3.], dtype=float32)
    """
    result: OperandT = apply("sqrt", (x,))[0]
    return result


def negative(x: OperandT) -> OperandT:
    """The other sign: y = −x.

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.negative(np.array([4, -9], np.float32))
        array([-4.,  9.], dtype=float32)
    """
    result: OperandT = apply("negative", (x,))[0]
    return result


def softplus(x: OperandT) -> OperandT:
    """A smooth rectifier: y = ln(1 + eˣ), computed without overflow.

    Args:
        x: [...] float32.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.softplus(np.array([-100, 0, 100], np.float32))
        array([3.783506e-44, 6.931472e-01, 1.000000e+02], dtype=float32)
    """
    result: OperandT = apply("softplus", (x,))[0]
    return result


def elu(x: OperandT, alpha: float = 1.0) -> OperandT:
    """Exponential linear unit: y = x above 0, α (eˣ − 1) below.

    Args:
        x: [...] float32.
        alpha: α.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32. ValueError: α is not finite.

    Source:
        Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units"
        (2015).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.elu(np.array([2, -100], np.float32))
        array([ 2., -1.], dtype=float32)
    """
    result: OperandT = apply("elu", (x,), {"alpha": alpha})[0]
    return result


def leaky_relu(x: OperandT, slope: float = 0.01) -> OperandT:
    """Rectifier with a slope: y = x above 0, slope · x below.

    Args:
        x: [...] float32.
        slope: what negative values are multiplied with.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32. ValueError: the slope is not finite.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.leaky_relu(np.array([2, -2], np.float32), slope=0.5)
        array([ 2., -1.], dtype=float32)
    """
    result: OperandT = apply("leaky_relu", (x,), {"slope": slope})[0]
    return result


def clip(x: OperandT, lower: float, upper: float) -> OperandT:
    """Keep values within bounds: y = min(max(x, lower), upper). NaN passes.

    Args:
        x: [...] float32.
        lower: the smallest result.
        upper: the largest result.

    Returns:
        y, the shape of x.

    Raises:
        DTypeError: x is not float32. ValueError: lower is above upper.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.clip(np.array([-2, 0.5, 7], np.float32), lower=-1, upper=1)
        array([-1. ,  0.5,  1. ], dtype=float32)
    """
    result: OperandT = apply("clip", (x,), {"lower": lower, "upper": upper})[0]
    return result
