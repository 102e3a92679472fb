"""Judges of convolution and pooling in float64: every window by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from reference import ACTIVATIONS, Array, wide


def axis(size: int, kernel: int, stride: int, before: int, after: int, dilation: int = 1) -> list[Array]:
    """The places of every window's taps along one axis; those outside of [0, size) are padding."""
    count = max(0, (size + before + after - (kernel - 1) * dilation - 1) // stride + 1)
    return [stride * window - before + dilation * np.arange(kernel) for window in range(count)]


def inside(places: Array, size: int) -> Array:
    return (places >= 0) & (places < size)


def over_windows(x: Array, rows: list[Array], columns: list[Array], judge: Callable[[Array, Array], Array]) -> Array:
    """judge(values [kh, kw, channels], seen [kh, kw]) of every window of x [height, width, channels]; zeros outside."""
    planes = []
    for row in rows:
        for column in columns:
            seen = inside(row, x.shape[0])[:, None] & inside(column, x.shape[1])
            values = np.zeros((len(row), len(column), x.shape[2]))
            values[seen] = wide(x)[np.ix_(row[inside(row, x.shape[0])], column[inside(column, x.shape[1])])].reshape(
                -1, x.shape[2]
            )
            planes.append(judge(values, seen))
    return np.array(planes)


def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0, 0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
    activation: str = "none",
) -> Array:
    out, _, kernel_height, kernel_width = weight.shape
    rows = axis(x.shape[1], kernel_height, stride[0], *padding[:2], dilation[0])
    columns = axis(x.shape[2], kernel_width, stride[1], *padding[2:], dilation[1])

    def judge(values: Array, _: Array) -> Array:
        parts = np.split(values, groups, axis=2)
        weights = np.split(wide(weight), groups, axis=0)
        return np.concatenate([np.einsum("hwi,oihw->o", v, w) for v, w in zip(parts, weights, strict=True)])

    shape = (x.shape[0], len(rows), len(columns), out)
    y = np.array([over_windows(plane, rows, columns, judge) for plane in x]).reshape(shape)
    return ACTIVATIONS[activation](y if bias is None else y + wide(bias))


def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    lengths: Array | None = None,
    carry: Array | None = None,
    *,
    stride: int = 1,
    padding: Sequence[int] = (0, 0),
    dilation: int = 1,
    **rest: Any,
) -> tuple[Array, Array, Array]:
    """y, the next carry (of zeros and x without a carry) and the lengths of y."""
    batch, time, width = x.shape
    reach = (weight.shape[2] - 1) * dilation
    before = np.zeros((batch, 0, width)) if carry is None else carry
    frames = before.shape[1] + time
    total = len(axis(frames, weight.shape[2], stride, *padding, dilation))
    y, carries = np.zeros((batch, total, weight.shape[0])), np.zeros((batch, reach, width))
    y_lengths = np.zeros(batch, np.int64)
    for b in range(batch):
        valid = time if lengths is None else int(lengths[b])
        row = np.concatenate([before[b], x[b, :valid]])
        alone = conv2d(
            row[None, None],
            weight[:, :, None],
            bias,
            stride=(1, stride),
            padding=(0, 0, *padding),
            dilation=(1, dilation),
            **rest,
        )[0, 0]
        y[b, : len(alone)] = alone
        y_lengths[b] = len(alone)
        carries[b] = np.concatenate([np.zeros((reach, width)), row])[len(row) :]
    return y, carries, y_lengths


def pool2d(
    kind: str,
    x: Array,
    *,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int] = (0, 0, 0, 0),
    count_padding: bool = False,
) -> Array:
    rows = axis(x.shape[1], kernel[0], stride[0], *padding[:2])
    columns = axis(x.shape[2], kernel[1], stride[1], *padding[2:])

    def judge(values: Array, seen: Array) -> Array:
        if not seen.any():
            return np.zeros(values.shape[2])
        if kind == "max":
            return np.where(seen[..., None], values, -np.inf).max((0, 1))
        return values.sum((0, 1)) / (seen.size if count_padding else seen.sum())

    shape = (x.shape[0], len(rows), len(columns), x.shape[3])
    return np.array([over_windows(plane, rows, columns, judge) for plane in x]).reshape(shape)


def pool1d(
    kind: str,
    x: Array,
    lengths: Array | None = None,
    *,
    kernel: int,
    stride: int,
    padding: Sequence[int] = (0, 0),
    **rest: Any,
) -> tuple[Array, Array]:
    batch, time, width = x.shape
    y = np.zeros((batch, len(axis(time, kernel, stride, *padding)), width))
    y_lengths = np.zeros(batch, np.int64)
    for b in range(batch):
        valid = time if lengths is None else int(lengths[b])
        y_lengths[b] = len(axis(valid, kernel, stride, *padding))
        alone = pool2d(
            kind, x[b, None, None, :valid], kernel=(1, kernel), stride=(1, stride), padding=(0, 0, *padding), **rest
        )
        y[b, : y_lengths[b]] = alone[0, 0]
    return y, y_lengths
