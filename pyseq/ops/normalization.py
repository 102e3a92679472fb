"""Normalisation of rows, alone or after a residual sum, and of channels over a batch or a sequence; softmax."""

from __future__ import annotations

from typing import Any, Literal, overload

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


def rms_norm(x: OperandT, weight: OperandT | None = None, epsilon: float = 1e-6) -> OperandT:
    """Divide the last axis by its root mean square: y = x / √(mean(x²) + ε) · weight.

    Args:
        x: [..., n] float32.
        weight: [n], 1 when None.
        epsilon: ε, added to the mean of squares.

    Returns:
        y [..., n].

    Raises:
        ShapeError: weight does not have n elements.

    Source:
        Zhang and Sennrich, "Root mean square layer normalization" (2019).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.rms_norm(np.array([[1, -7]], np.float32), epsilon=0.0)
        array([[ 0.2, -1.4]], dtype=float32)
    """
    result: OperandT = apply("rms_norm", (x, weight), {"epsilon": epsilon})[0]
    return result


@overload
def batch_norm(
    x: OperandT,
    weight: OperandT | None = ...,
    bias: OperandT | None = ...,
    mean: OperandT | None = ...,
    variance: OperandT | None = ...,
    lengths: OperandT | None = ...,
    epsilon: float = ...,
    *,
    return_statistics: Literal[False] = ...,
) -> OperandT: ...


@overload
def batch_norm(
    x: OperandT,
    weight: OperandT | None = ...,
    bias: OperandT | None = ...,
    mean: OperandT | None = ...,
    variance: OperandT | None = ...,
    lengths: OperandT | None = ...,
    epsilon: float = ...,
    *,
    return_statistics: Literal[True],
) -> tuple[OperandT, OperandT, OperandT]: ...


def batch_norm(
    x: OperandT,
    weight: OperandT | None = None,
    bias: OperandT | None = None,
    mean: OperandT | None = None,
    variance: OperandT | None = None,
    lengths: OperandT | None = None,
    epsilon: float = 1e-5,
    *,
    return_statistics: bool = False,
) -> Any:
    """Normalise every channel: y = (x − mean) / √(variance + ε) · weight + bias.

    With a mean and a variance that are given, a row gives what it gives alone (inference). Without them they are those
    of all rows of x (training): here alone a row's result depends on the others. Padding never counts.

    Args:
        x: [..., channels] float32; [batch, time, channels] with lengths.
        weight: [channels], 1 when None.
        bias: [channels], 0 when None.
        mean: [channels]; None for the mean of the batch.
        variance: [channels], given together with mean.
        lengths: [batch] int64, valid steps of each row; None for all. Others are left out of the statistics and give 0.
        epsilon: ε, added to the variance.
        return_statistics: give mean and variance too.

    Returns:
        y [..., channels]; with `return_statistics` also the mean and the variance that were used [channels]. That of a
        batch is biased: Σ (x − mean)² / n over its n rows; n / (n − 1) times that is the unbiased estimate that running
        variances take.

    Raises:
        ShapeError: weight, bias, mean or variance do not have as many elements as there are channels.
        ValueError: one of mean and variance alone.

    Source:
        Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
        shift" (2015).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.batch_norm(np.array([[1, 10], [3, 30]], np.float32), epsilon=0.0)
        array([[-1., -1.],
               [ 1.,  1.]], dtype=float32)
    """
    wanted = ("batch_mean", "batch_variance") if return_statistics else ()
    inputs = (x, weight, bias, mean, variance, lengths)
    results = apply("batch_norm", inputs, {"epsilon": epsilon}, wanted=wanted)
    return tuple(results) if return_statistics else results[0]


def instance_norm(
    x: OperandT,
    weight: OperandT | None = None,
    bias: OperandT | None = None,
    lengths: OperandT | None = None,
    epsilon: float = 1e-5,
) -> OperandT:
    """Normalise every channel of every sequence over time: y = (x − mean) / √(variance + ε) · weight + bias.

    Args:
        x: [batch, time, channels] float32.
        weight: [channels], 1 when None.
        bias: [channels], 0 when None.
        lengths: [batch] int64, valid steps of each row; None for all. Others do not count and give 0.
        epsilon: ε, added to the (biased) variance.

    Returns:
        y [batch, time, channels].

    Raises:
        ShapeError: weight or bias do not have as many elements as there are channels.

    Source:
        Ulyanov, Vedaldi and Lempitsky, "Instance normalization: the missing ingredient for fast stylization" (2016);
        group normalisation with one channel per group (Wu and He, 2018).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> ops.instance_norm(np.array([[[1], [3]], [[5], [5]]], np.float32))[:, :, 0].round(3)
        array([[-1.,  1.],
               [ 0.,  0.]], dtype=float32)
    """
    result: OperandT = apply("instance_norm", (x, weight, bias, lengths), {"epsilon": epsilon})[0]
    return result


def add_layer_norm(
    x: OperandT,
    residual: OperandT,
    weight: OperandT | None = None,
    bias: OperandT | None = None,
    input_bias: OperandT | None = None,
    epsilon: float = 1e-5,
) -> tuple[OperandT, OperandT]:
    """Residual sum and layer norm in one pass: s = (x + input_bias) + residual, y = layer_norm(s, weight, bias).

    The bits are those of `add` and `layer_norm` one after the other.

    Args:
        x: [..., n] float32.
        residual: the shape of x.
        weight: [n], 1 when None.
        bias: [n], 0 when None.
        input_bias: [n], 0 when None.
        epsilon: as in `layer_norm`.

    Returns:
        y and s, both [..., n].

    Raises:
        ShapeError: residual has not the shape of x; weight, bias or input_bias do not have n elements.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> y, s = ops.add_layer_norm(np.ones((1, 2), np.float32), np.array([[0, 2]], np.float32), epsilon=0.0)
        >>> y, s
        (array([[-1.,  1.]], dtype=float32), array([[1., 3.]], dtype=float32))
    """
    inputs = (x, residual, weight, bias, input_bias)
    y, total = apply("add_layer_norm", inputs, {"epsilon": epsilon})
    return y, total


def add_rms_norm(
    x: OperandT,
    residual: OperandT,
    weight: OperandT | None = None,
    input_bias: OperandT | None = None,
    epsilon: float = 1e-6,
) -> tuple[OperandT, OperandT]:
    """Residual sum and RMS norm in one pass: s = (x + input_bias) + residual, y = rms_norm(s, weight).

    The bits are those of `add` and `rms_norm` one after the other.

    Args:
        x: [..., n] float32.
        residual: the shape of x.
        weight: [n], 1 when None.
        input_bias: [n], 0 when None.
        epsilon: as in `rms_norm`.

    Returns:
        y and s, both [..., n].

    Raises:
        ShapeError: residual has not the shape of x; weight or input_bias do not have n elements.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> y, s = ops.add_rms_norm(np.ones((1, 2), np.float32), np.array([[0, -8]], np.float32), epsilon=0.0)
        >>> y, s
        (array([[ 0.2, -1.4]], dtype=float32), array([[ 1., -7.]], dtype=float32))
    """
    y, total = apply("add_rms_norm", (x, residual, weight, input_bias), {"epsilon": epsilon})
    return y, total


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
