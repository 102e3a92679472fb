"""Slow, obvious float64 references of the recurrent ops."""

from __future__ import annotations

from typing import Any

import numpy as np
from reference import Array, sigmoid, wide

GATES = {"rnn": 1, "gru": 3, "simple_gru": 2, "lstm": 4, "coupled_lstm": 3}
LSTMS = ("lstm", "coupled_lstm")
WEIGHTS = ("w_ih", "w_hh", "b_ih", "b_hh")
VARIANTS = ("norm_ih", "norm_hh", "norm_c", "norm_c_bias", "peephole", "w_hr")


def normalized(x: Array, epsilon: float) -> Array:
    return np.asarray((x - x.mean()) / np.sqrt(x.var() + epsilon))


def affine(kind: str, weights: dict[str, Any], side: str, x: Array, epsilon: float) -> list[Array]:
    """W x + b of every gate; with norms, LN(W x) · norm + b. `side` is "ih" or "hh"."""
    gates = np.split(wide(weights[f"w_{side}"]) @ wide(x), GATES[kind])
    if (norm := weights.get(f"norm_{side}")) is not None:
        together = {"gru": [gates[:2], gates[2:]], "simple_gru": [gates[:1], gates[1:]]}.get(kind, [gates])
        parts = [normalized(np.concatenate(group), epsilon) for group in together]
        gates = np.split(np.concatenate(parts) * wide(norm), GATES[kind])
    bias = weights.get(f"b_{side}")
    return gates if bias is None else [g + b for g, b in zip(gates, np.split(wide(bias), GATES[kind]), strict=True)]


def gru_cell(x: list[Array], h: Array, weights: dict[str, Any], reset: str, epsilon: float) -> Array:
    if len(x) == 2:
        k = affine("simple_gru", weights, "hh", h, epsilon)
        z, n = sigmoid(x[0] + k[0]), np.tanh(x[1] + k[1])
    else:
        k = affine("gru", weights, "hh", h, epsilon)
        r, z = sigmoid(x[0] + k[0]), sigmoid(x[1] + k[1])
        if reset == "before":
            n = np.tanh(x[2] + affine("gru", weights, "hh", r * h, epsilon)[2])
        else:
            n = np.tanh(x[2] + r * k[2])
    return np.asarray((1 - z) * n + z * h)


def lstm_cell(a: list[Array], c: Array, weights: dict[str, Any], epsilon: float) -> tuple[Array, Array]:
    """The gates before their activations -> new h (not projected) and c."""
    peepholes = weights.get("peephole")
    p = [np.zeros_like(c)] * 3 if peepholes is None else np.split(wide(peepholes), len(a) - 1)
    if len(a) == 4:
        i, f = sigmoid(a[0] + p[0] * c), sigmoid(a[1] + p[1] * c)
    else:
        f = sigmoid(a[0] + p[0] * c)
        i = 1 - f
    c = f * c + i * np.tanh(a[-2])
    o = sigmoid(a[-1] + p[len(a) - 2] * c)
    seen = c
    if weights.get("norm_c") is not None:
        seen = normalized(c, epsilon) * wide(weights["norm_c"])
        seen = seen if weights.get("norm_c_bias") is None else seen + wide(weights["norm_c_bias"])
    return o * np.tanh(seen), c


def cell(
    kind: str, x: Array, h: Array, c: Array, weights: dict[str, Any], nonlinearity: str, reset: str, epsilon: float
) -> tuple[Array, Array]:
    """One step of one direction: x [in], h [width], c [hidden] -> new h and c."""
    from_x = affine(kind, weights, "ih", x, epsilon)
    if kind in ("gru", "simple_gru"):
        return gru_cell(from_x, h, weights, reset, epsilon), c
    a = [i + k for i, k in zip(from_x, affine(kind, weights, "hh", h, epsilon), strict=True)]
    if kind == "rnn":
        return np.asarray(np.tanh(a[0]) if nonlinearity == "tanh" else np.maximum(a[0], 0)), c
    h, c = lstm_cell(a, c, weights, epsilon)
    return (h if weights.get("w_hr") is None else wide(weights["w_hr"]) @ h), c


def recurrent(
    kind: str,
    x: Array,
    lengths: Array | None = None,
    h0: Array | None = None,
    c0: Array | None = None,
    nonlinearity: str = "tanh",
    reset: str = "after",
    epsilon: float = 1e-5,
    **weights: Any,
) -> tuple[Array, ...]:
    batch, time, _ = x.shape
    hidden = weights["w_hh"].shape[0] // GATES[kind]
    width = weights["w_hh"].shape[1]
    directions = [{name: weights.get(name + suffix) for name in WEIGHTS + VARIANTS} for suffix in ("", "_reverse")]
    if weights.get("w_ih_reverse") is None:
        directions.pop()
    y = np.zeros((batch, time, len(directions) * width))
    last_h, last_c = np.zeros((batch, len(directions) * width)), np.zeros((batch, len(directions) * hidden))
    for b in range(batch):
        steps = range(time if lengths is None else int(lengths[b]))
        for index, own in enumerate(directions):
            of_h, of_c = (slice(index * size, (index + 1) * size) for size in (width, hidden))
            h = np.zeros(width) if h0 is None else wide(h0[b, of_h])
            c = np.zeros(hidden) if c0 is None else wide(c0[b, of_c])
            for t in reversed(steps) if index else steps:
                h, c = cell(kind, x[b, t], h, c, own, nonlinearity, reset, epsilon)
                y[b, t, of_h] = h
            last_h[b, of_h], last_c[b, of_c] = h, c
    return (y, last_h, last_c) if kind in LSTMS else (y, last_h)


def recurrent_step(kind: str, x: Array, h: Array, c: Array | None = None, **rest: Any) -> tuple[Array, ...]:
    state = {"h0": h} if c is None else {"h0": h, "c0": c}
    return recurrent(kind, x[:, None], **state, **rest)[1:]
