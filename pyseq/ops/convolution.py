"""Convolution along time and over planes, channels last; weights are laid out as PyTorch's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from pyseq import _core
from pyseq.dim import Size
from pyseq.tensor import OperandT, apply, current_label

Padding = int | Sequence[int] | str


@overload
def conv1d(
    x: OperandT,
    weight: OperandT,
    bias: OperandT | None = ...,
    lengths: OperandT | None = ...,
    carry: None = ...,
    *,
    stride: int = ...,
    padding: Padding = ...,
    dilation: int = ...,
    groups: int = ...,
    activation: str = ...,
    return_lengths: Literal[False] = ...,
) -> OperandT: ...


@overload
def conv1d(
    x: OperandT,
    weight: OperandT,
    bias: OperandT | None = ...,
    lengths: OperandT | None = ...,
    *,
    carry: OperandT,
    stride: int = ...,
    padding: Padding = ...,
    dilation: int = ...,
    groups: int = ...,
    activation: str = ...,
    return_lengths: Literal[False] = ...,
) -> tuple[OperandT, OperandT]: ...


@overload
def conv1d(
    x: OperandT,
    weight: OperandT,
    bias: OperandT | None = ...,
    lengths: OperandT | None = ...,
    carry: OperandT | None = ...,
    *,
    stride: int = ...,
    padding: Padding = ...,
    dilation: int = ...,
    groups: int = ...,
    activation: str = ...,
    return_lengths: Literal[True],
) -> tuple[OperandT, ...]: ...


def conv1d(
    x: OperandT,
    weight: OperandT,
    bias: OperandT | None = None,
    lengths: OperandT | None = None,
    carry: OperandT | None = None,
    *,
    stride: int = 1,
    padding: Padding = 0,
    dilation: int = 1,
    groups: int = 1,
    activation: str = "none",
    return_lengths: bool = False,
) -> Any:
    """Convolution along time: y[t, o] = f(b[o] + Σ_{k, i} weight[o, i, k] · x[stride · t + dilation · k − before, i]).

    With `groups`, output channels see the input channels of their own group only; depthwise when every channel is one.

    A stream is convolved in chunks by handing on a carry of (kernel − 1) · dilation frames, zeros at first: the chunks'
    outputs together have the bits of the whole convolved with padding "causal". Chunks are multiples of the stride.

    Args:
        x: [batch, time, in] float32.
        weight: [out, in / groups, kernel].
        bias: [out] or None.
        lengths: [batch] int64, valid frames of each row; None for all. A row gives what it gives alone, then zeros.
        carry: [batch, (kernel − 1) · dilation, in], the frames before x, in the place of padding.
        stride: frames from one window to the next.
        padding: zeros at both ends: a number, a pair (before, after), "same" (as many frames as before, with stride 1)
            or "causal" (all of them before: no output sees later frames).
        dilation: frames from one tap to the next.
        groups: a divisor of in and out.
        activation: f: "none", "relu", "gelu", "gelu_tanh", "tanh" or "sigmoid".
        return_lengths: give the number of outputs of each row too.

    Returns:
        y [batch, ⌊(time + before + after − (kernel − 1) · dilation − 1) / stride⌋ + 1, out]; with `carry` also the next
        carry, of valid frames; with `return_lengths` also the lengths of y [batch].

    Raises:
        ShapeError: a weight or a carry does not fit. ValueError: groups that do not divide, padding beside a carry.

    Source:
        Waibel et al., "Phoneme recognition using time-delay neural networks" (1989).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, weight = np.array([[[1], [2], [4]]], np.float32), np.array([[[1, 10]]], np.float32)
        >>> ops.conv1d(x, weight, padding="causal")[0, :, 0]
        array([10., 21., 42.], dtype=float32)
        >>> y, carry = ops.conv1d(x, weight, carry=np.zeros((1, 1, 1), np.float32))
        >>> y[0, :, 0], carry[0, :, 0]
        (array([10., 21., 42.], dtype=float32), array([4.], dtype=float32))
    """
    attributes = {
        "stride": stride,
        "padding": _line_padding(padding, weight.shape[-1], dilation, stride),
        "dilation": dilation,
        "groups": groups,
        "activation": activation,
    }
    wanted = [*(["next_carry"] if carry is not None else []), *(["y_lengths"] if return_lengths else [])]
    results = apply("conv1d", (x, weight, bias, lengths, carry), attributes, wanted=wanted)
    if not wanted:
        return results[0]
    return tuple(result for result in results if result is not None)


def conv2d(
    x: OperandT,
    weight: OperandT,
    bias: OperandT | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: Padding = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    activation: str = "none",
) -> OperandT:
    """Convolution over planes: y[h, w, o] = f(b[o] + Σ_{j, k, i} weight[o, i, j, k] · x[h', w', i]).

    h' = stride · h + dilation · j − top, w' = stride · w + dilation · k − left; zeros outside of x.

    Args:
        x: [batch, height, width, in] float32: channels last.
        weight: [out, in / groups, kernel height, kernel width].
        bias: [out] or None.
        stride: from one window to the next: a number or a pair (vertical, horizontal).
        padding: zeros around x: a number, a pair (vertical, horizontal), four (top, bottom, left, right) or "same" (as
            many outputs as inputs, with stride 1).
        dilation: from one tap to the next: a number or a pair.
        groups: a divisor of in and out.
        activation: f: "none", "relu", "gelu", "gelu_tanh", "tanh" or "sigmoid".

    Returns:
        y [batch, out height, out width, out].

    Raises:
        ShapeError: a weight does not fit. ValueError: groups that do not divide.

    Source:
        LeCun et al., "Gradient-based learning applied to document recognition" (1998).

    Example:
        >>> import numpy as np
        >>> from pyseq import ops
        >>> x, weight = np.ones((1, 3, 3, 1), np.float32), np.ones((1, 1, 3, 3), np.float32)
        >>> ops.conv2d(x, weight, padding="same")[0, :, :, 0]
        array([[4., 6., 4.],
               [6., 9., 6.],
               [4., 6., 4.]], dtype=float32)
    """
    strides, dilations = pair(stride), pair(dilation)
    attributes = {
        "stride": strides,
        "padding": _plane_padding(padding, weight.shape[-2:], dilations, strides),
        "dilation": dilations,
        "groups": groups,
        "activation": activation,
    }
    result: OperandT = apply("conv2d", (x, weight, bias), attributes)[0]
    return result


def pair(value: int | Sequence[int]) -> list[int]:
    """A number for both axes, or one for each."""
    return [value, value] if isinstance(value, int) else list(value)


def both_ends(padding: int | Sequence[int]) -> list[int]:
    """Padding (before, after) along one axis from a number or the pair itself."""
    return pair(padding)


def all_sides(padding: int | Sequence[int]) -> list[int]:
    """Padding (top, bottom, left, right) from a number, a pair (vertical, horizontal) or the four themselves."""
    sides = pair(padding)
    return [sides[0], sides[0], sides[1], sides[1]] if len(sides) == 2 else sides


def _line_padding(padding: Padding, kernel: Size, dilation: int, stride: int) -> list[int]:
    if not isinstance(padding, str):
        return both_ends(padding)
    return _named_padding(padding, ("same", "causal"), kernel, dilation, stride)


def _plane_padding(padding: Padding, kernel: Sequence[Size], dilation: list[int], stride: list[int]) -> list[int]:
    if not isinstance(padding, str):
        return all_sides(padding)
    axes = zip(kernel, dilation, stride, strict=True)
    return [side for axis in axes for side in _named_padding(padding, ("same",), *axis)]


def _named_padding(name: str, known: Sequence[str], kernel: Size, dilation: int, stride: int) -> list[int]:
    label = current_label() or "convolution"
    if name not in known:
        expected = " or ".join(f'"{one}"' for one in known)
        raise _core.ArgumentError(f'{label}: padding has "{name}", expected numbers, {expected}')
    if not isinstance(kernel, int):
        raise _core.ArgumentError(f'{label}: padding has "{name}", expected numbers for a weight that is computed')
    reach = (kernel - 1) * dilation
    if name == "causal":
        return [reach, 0]
    if stride != 1:
        raise _core.ArgumentError(f'{label}: padding has "same" with stride {stride}, expected stride 1')
    return [reach // 2, reach - reach // 2]
