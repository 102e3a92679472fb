"""Updates of the optimizers in float64, written from their papers' formulas."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def sgd(value: Array, gradients: list[Array], rate: float, decay: float, momentum: float, nesterov: bool) -> Array:
    buffer = np.zeros_like(value)
    for g in gradients:
        g = g + decay * value
        buffer = momentum * buffer + g
        value = value - rate * (g + momentum * buffer if nesterov else buffer)
    return value


def adam(value: Array, gradients: list[Array], rate: float, decay: float, decoupled: bool) -> Array:
    first, second = np.zeros_like(value), np.zeros_like(value)
    for t, gradient in enumerate(gradients, 1):
        g = gradient if decoupled else gradient + decay * value
        first = 0.9 * first + 0.1 * g
        second = 0.999 * second + 0.001 * g * g
        shrunk = value * (1 - rate * decay) if decoupled else value
        value = shrunk - rate * (first / (1 - 0.9**t)) / (np.sqrt(second / (1 - 0.999**t)) + 1e-8)
    return value


def adagrad(value: Array, gradients: list[Array], rate: float, decay: float) -> Array:
    total = np.zeros_like(value)
    for g in gradients:
        g = g + decay * value
        total = total + g * g
        value = value - rate * g / (np.sqrt(total) + 1e-10)
    return value


def rmsprop(value: Array, gradients: list[Array], rate: float, decay: float, momentum: float, centered: bool) -> Array:
    square, mean, buffer = (np.zeros_like(value) for _ in range(3))
    for g in gradients:
        g = g + decay * value
        square = 0.99 * square + 0.01 * g * g
        mean = 0.99 * mean + 0.01 * g
        variance = square - mean * mean if centered else square
        buffer = momentum * buffer + g / (np.sqrt(variance) + 1e-8)
        value = value - rate * buffer
    return value
