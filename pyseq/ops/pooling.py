"""Pooling: one value per channel for every window, along time and over planes, channels last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from pyseq.ops.convolution import all_sides, both_ends, pair
from pyseq.tensor import OperandT, apply


@overload
def max_pool1d(
    x: OperandT,
    lengths: OperandT | None = ...,
    *,
    kernel: int,
    stride: int | None = ...,
    padding: int | Sequence[int] = ...,
    return_lengths: Literal[False] = ...,
) -> OperandT: ...


@overload
def max_pool1d(
    x: OperandT,
    lengths: OperandT | None = ...,
    *,
    kernel: int,
    stride: int | None = ...,
    padding: int | Sequence[int] = ...,
    return_lengths: Literal[True],
) -> tuple[OperandT, OperandT]: ...


def max_pool1d(
    x: OperandT,
    lengths: OperandT | None = None,
    *,
    kernel: int,
    stride: int | None = None,
    padding: int | Sequence[int] = 0,
    return_lengths: bool = False,
) -> Any:
    """Largest value of each channel in windows along time: y[t, c] = max_k x[stride · t + k − before, c].

    Args:
        x: [batch, time, channels] float32.
        lengths: [batch] int64, valid frames of each row; None for all. A row gives what it gives alone, then zeros.
        kernel: frames of a window.
        stride: frames from one window to the next; None for the kernel.
        padding: frames that windows may reach beyond both ends, less than the kernel: a number or (before, after). They
            never win.
        return_lengths: give the number of outputs of each row too.

    Returns:
        y [batch, ⌊(time + before + after − kernel) / stride⌋ + 1, channels]; with `return_lengths` also their numbers
        [batch]. NaN wins.

    Raises:
        ShapeError: lengths do not fit. ValueError: padding that is not less than the kernel.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x = np.array([[[1], [5], [2], [3]]], np.float32)
        >>> ops.max_pool1d(x, kernel=2)[0, :, 0]
        array([5., 3.], dtype=float32)
    """
    return _pool_line("max_pool1d", x, lengths, _line(kernel, stride, padding), return_lengths)


@overload
def mean_pool1d(
    x: OperandT,
    lengths: OperandT | None = ...,
    *,
    kernel: int,
    stride: int | None = ...,
    padding: int | Sequence[int] = ...,
    count_padding: bool = ...,
    return_lengths: Literal[False] = ...,
) -> OperandT: ...


@overload
def mean_pool1d(
    x: OperandT,
    lengths: OperandT | None = ...,
    *,
    kernel: int,
    stride: int | None = ...,
    padding: int | Sequence[int] = ...,
    count_padding: bool = ...,
    return_lengths: Literal[True],
) -> tuple[OperandT, OperandT]: ...


def mean_pool1d(
    x: OperandT,
    lengths: OperandT | None = None,
    *,
    kernel: int,
    stride: int | None = None,
    padding: int | Sequence[int] = 0,
    count_padding: bool = False,
    return_lengths: bool = False,
) -> Any:
    """Mean of each channel in windows along time: y[t, c] = 1/n · Σ_k x[stride · t + k − before, c].

    Args:
        x: [batch, time, channels] float32.
        lengths: [batch] int64, valid frames of each row; None for all. A row gives what it gives alone, then zeros.
        kernel: frames of a window.
        stride: frames from one window to the next; None for the kernel.
        padding: frames that windows may reach beyond both ends, less than the kernel: a number or (before, after).
        count_padding: n is the kernel, padding counts as zeros; else n is the number of valid frames in the window.
        return_lengths: give the number of outputs of each row too.

    Returns:
        y [batch, ⌊(time + before + after − kernel) / stride⌋ + 1, channels]; with `return_lengths` also their numbers
        [batch].

    Raises:
        ShapeError: lengths do not fit. ValueError: padding that is not less than the kernel.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x = np.array([[[1], [5], [2], [4]]], np.float32)
        >>> ops.mean_pool1d(x, kernel=2)[0, :, 0]
        array([3., 3.], dtype=float32)
    """
    attributes = {**_line(kernel, stride, padding), "count_padding": count_padding}
    return _pool_line("mean_pool1d", x, lengths, attributes, return_lengths)


def max_pool2d(
    x: OperandT,
    *,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
) -> OperandT:
    """Largest value of each channel in windows of a plane.

    Args:
        x: [batch, height, width, channels] float32.
        kernel: size of a window: a number or a pair (vertical, horizontal).
        stride: from one window to the next: a number or a pair; None for the kernel.
        padding: how far windows may reach beyond x, less than the kernel: a number, a pair (vertical, horizontal) or
            four (top, bottom, left, right). What lies there never wins.

    Returns:
        y [batch, out height, out width, channels]. NaN wins.

    Raises:
        ValueError: padding that is not less than the kernel.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x = np.arange(8, dtype=np.float32).reshape(1, 2, 4, 1)
        >>> ops.max_pool2d(x, kernel=2)[0, :, :, 0]
        array([[5., 7.]], dtype=float32)
    """
    result: OperandT = apply("max_pool2d", (x,), _plane(kernel, stride, padding))[0]
    return result


def mean_pool2d(
    x: OperandT,
    *,
    kernel: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    count_padding: bool = False,
) -> OperandT:
    """Mean of each channel in windows of a plane.

    Args:
        x: [batch, height, width, channels] float32.
        kernel: size of a window: a number or a pair (vertical, horizontal).
        stride: from one window to the next: a number or a pair; None for the kernel.
        padding: how far windows may reach beyond x, less than the kernel: a number, a pair (vertical, horizontal) or
            four (top, bottom, left, right).
        count_padding: divide by the size of the kernel, padding counts as zeros; else by what the window sees of x.

    Returns:
        y [batch, out height, out width, channels].

    Raises:
        ValueError: padding that is not less than the kernel.

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x = np.arange(8, dtype=np.float32).reshape(1, 2, 4, 1)
        >>> ops.mean_pool2d(x, kernel=2)[0, :, :, 0]
        array([[2.5, 4.5]], dtype=float32)
    """
    attributes = {**_plane(kernel, stride, padding), "count_padding": count_padding}
    result: OperandT = apply("mean_pool2d", (x,), attributes)[0]
    return result


def _line(kernel: int, stride: int | None, padding: int | Sequence[int]) -> dict[str, Any]:
    return {"kernel": kernel, "stride": kernel if stride is None else stride, "padding": both_ends(padding)}


def _plane(
    kernel: int | Sequence[int], stride: int | Sequence[int] | None, padding: int | Sequence[int]
) -> dict[str, Any]:
    sizes = pair(kernel)
    return {"kernel": sizes, "stride": sizes if stride is None else pair(stride), "padding": all_sides(padding)}


def _pool_line(op: str, x: Any, lengths: Any, attributes: Mapping[str, Any], return_lengths: bool) -> Any:
    results = apply(op, (x, lengths), attributes, wanted=["y_lengths"] if return_lengths else [])
    return (results[0], results[1]) if return_lengths else results[0]
