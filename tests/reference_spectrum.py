"""Judge of stft in float64: the sum of the definition, through a matrix of exponentials."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def stft(
    x: Array,
    window: Array,
    lengths: Array | None = None,
    carry: Array | None = None,
    *,
    hop: int,
    fft_size: int = 0,
    padding: Any = (0, 0),
    output: str = "complex",
    remove_mean: bool = False,
    preemphasis: float = 0.0,
) -> tuple[Array, ...]:
    """(y, frames of each row), with a carry (y, next carry, frames)."""
    size, fft_size = len(window), fft_size or len(window)
    before, after = (padding, padding) if isinstance(padding, int) else padding
    bins, reach = fft_size // 2 + 1, size - hop
    width = 2 * bins if output == "complex" else bins
    samples = x.shape[1] + before + after + (0 if carry is None else reach)
    count = max(0, (samples - size) // hop + 1)
    y, counts = np.zeros((len(x), count, width)), np.zeros(len(x), np.int64)
    next_carry = np.zeros((len(x), max(reach, 0)), np.float32)
    for row in range(len(x)):
        valid = x[row, : x.shape[1] if lengths is None else lengths[row]]
        valid = np.concatenate([np.zeros(before) if carry is None else carry[row], valid, np.zeros(after)])
        counts[row] = max(0, (len(valid) - size) // hop + 1)
        for t in range(counts[row]):
            y[row, t] = spectrum(valid[t * hop :][:size], window, fft_size, output, remove_mean, preemphasis)
        if reach > 0:
            next_carry[row] = np.concatenate([np.zeros(reach), valid])[-reach:]
    return (y, counts) if carry is None else (y, next_carry, counts)


def spectrum(frame: Array, window: Array, fft_size: int, output: str, remove_mean: bool, preemphasis: float) -> Array:
    frame = frame.astype(np.float64)
    if remove_mean:
        frame = frame - frame.mean()
    frame = (frame - preemphasis * np.concatenate([frame[:1], frame[:-1]])) * window
    angles = np.outer(np.arange(fft_size // 2 + 1), np.arange(len(frame))) * (-2 * np.pi / fft_size)
    values = np.exp(1j * angles) @ frame
    if output == "complex":
        return np.concatenate([values.real, values.imag])
    return np.abs(values) ** (2 if output == "power" else 1)
