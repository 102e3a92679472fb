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
