"""Slow, obvious float64 NumPy references: the judges of the ops. Shapes as in docs/architecture.md."""

from __future__ import annotations

from collections.abc import Callable
from math import erf, sqrt
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def wide(x: Array) -> Array:
    return np.asarray(x, dtype=np.float64)


def sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-wide(x)))


def gelu(x: Array, approximate: str = "none") -> Array:
    x = wide(x)
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3)))
    return x * 0.5 * (1 + np.vectorize(erf, otypes=[float])(x / sqrt(2)))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "none": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "gelu": gelu,
    "gelu_tanh": lambda x: gelu(x, "tanh"),
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "silu": lambda x: x * sigmoid(x),
}


def linear(
    x: Array, weight: Array, bias: Array | None = None, activation: str = "none", residual: Array | None = None
) -> Array:
    y = wide(x) @ wide(weight).T
    y = ACTIVATIONS[activation](y if bias is None else y + wide(bias))
    return y if residual is None else y + wide(residual)


def embedding(ids: Array, weight: Array, scale: float = 1.0) -> Array:
    return wide(weight)[ids] * scale


def layer_norm(x: Array, weight: Array | None = None, bias: Array | None = None, epsilon: float = 1e-5) -> Array:
    x = wide(x)
    centred = x - x.mean(-1, keepdims=True)
    y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon)
    if weight is not None:
        y = y * wide(weight)
    return y if bias is None else y + wide(bias)


def softmax(x: Array) -> Array:
    e = np.exp(wide(x) - wide(x).max(-1, keepdims=True, initial=-np.inf))
    return e / e.sum(-1, keepdims=True)


def log_softmax(x: Array) -> Array:
    shifted = wide(x) - wide(x).max(-1, keepdims=True, initial=-np.inf)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def sinusoidal_positions(
    x: Array,
    offset: Array | None = None,
    start: int = 0,
    layout: str = "interleaved",
    base: float = 10000.0,
    inclusive: bool = False,
) -> Array:
    batch, time, width = x.shape
    half = width // 2
    exponents = np.arange(half) / (half - 1 if inclusive else half)
    first = np.zeros(batch, int) if offset is None else offset
    positions = start + first[:, None] + np.arange(time)  # [batch, time]
    angles = positions[:, :, None] * base**-exponents
    table = np.zeros(x.shape)
    if layout == "split":
        table[..., :half], table[..., half:] = np.sin(angles), np.cos(angles)
    else:
        table[..., 0::2], table[..., 1::2] = np.sin(angles), np.cos(angles)
    return wide(x) + table


def learned_positions(x: Array, weight: Array, offset: Array | None = None, start: int = 0) -> Array:
    batch, time, _ = x.shape
    first = np.zeros(batch, int) if offset is None else offset
    return wide(x) + wide(weight)[start + first[:, None] + np.arange(time)]


def cell(
    kind: str,
    x: Array,
    h: Array,
    c: Array | None,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    nonlinearity: str = "tanh",
) -> tuple[Array, Array | None]:
    """One step of one direction: x [in], h [hidden] -> new h (and c)."""
    gx = wide(w_ih) @ wide(x) + (0 if b_ih is None else wide(b_ih))
    gh = wide(w_hh) @ wide(h) + (0 if b_hh is None else wide(b_hh))
    if kind == "rnn":
        return ACTIVATIONS[nonlinearity](gx + gh), None
    if kind == "gru":
        (rx, zx, nx), (rh, zh, nh) = np.split(gx, 3), np.split(gh, 3)
        r, z = sigmoid(rx + rh), sigmoid(zx + zh)
        return (1 - z) * np.tanh(nx + r * nh) + z * wide(h), None
    i, f, g, o = np.split(gx + gh, 4)
    assert c is not None
    new_c = sigmoid(f) * wide(c) + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(new_c), new_c


def recurrent(
    kind: str,
    x: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None = None,
    b_hh: Array | None = None,
    w_ih_reverse: Array | None = None,
    w_hh_reverse: Array | None = None,
    b_ih_reverse: Array | None = None,
    b_hh_reverse: Array | None = None,
    lengths: Array | None = None,
    h0: Array | None = None,
    c0: Array | None = None,
    nonlinearity: str = "tanh",
) -> tuple[Array, ...]:
    batch, time, _ = x.shape
    hidden = w_hh.shape[1]
    directions = [(w_ih, w_hh, b_ih, b_hh)]
    if w_ih_reverse is not None and w_hh_reverse is not None:
        directions.append((w_ih_reverse, w_hh_reverse, b_ih_reverse, b_hh_reverse))
    width = len(directions) * hidden
    y, last_h, last_c = np.zeros((batch, time, width)), np.zeros((batch, width)), np.zeros((batch, width))
    for b in range(batch):
        steps = range(time if lengths is None else int(lengths[b]))
        for index, parameters in enumerate(directions):
            part = slice(index * hidden, (index + 1) * hidden)
            h = np.zeros(hidden) if h0 is None else wide(h0[b, part])
            c: Array | None = np.zeros(hidden) if c0 is None else wide(c0[b, part])
            for t in reversed(steps) if index else steps:
                h, c = cell(kind, x[b, t], h, c, *parameters, nonlinearity)
                y[b, t, part] = h
            last_h[b, part] = h
            if c is not None:
                last_c[b, part] = c
    return (y, last_h, last_c) if kind == "lstm" else (y, last_h)
