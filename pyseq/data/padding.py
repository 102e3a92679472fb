"""Padding: sequences of any lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyseq import _core
from pyseq.data import _batching

Array = NDArray[Any]


def pad(sequences: Sequence[Any], value: float = 0) -> tuple[Array, NDArray[np.int64]]:
    """Put sequences into one array, padded at the end.

    Args:
        sequences: lists of integers, or arrays [time, ...] that agree in everything but time.
        value: what to pad with.

    Returns:
        padded [batch, time, ...] (int64 for lists, else the arrays' type), lengths [batch].

    Raises:
        ShapeError: there are no sequences, or arrays that do not fit together.

    Example:
        >>> from pyseq import data
        >>> padded, lengths = data.pad([[1, 2, 3], [4]])
        >>> padded.tolist(), lengths.tolist()
        ([[1, 2, 3], [4, 0, 0]], [3, 1])
    """
    if not len(sequences):
        raise _core.ShapeError("pad: got no sequences, expected at least one")
    lengths = np.array([len(sequence) for sequence in sequences], np.int64)
    first = sequences[0]
    if not isinstance(first, np.ndarray):
        rows = np.full((len(sequences), int(lengths.max())), int(value), np.int64)
        _batching.fill_padded(list(sequences), rows)
        return rows, lengths
    padded = np.full((len(sequences), int(lengths.max()), *first.shape[1:]), value, first.dtype)
    for row, sequence in enumerate(sequences):
        if sequence.shape[1:] != first.shape[1:] or sequence.dtype != first.dtype:
            raise _core.ShapeError(
                f"pad: sequence {row} is {sequence.dtype} {list(sequence.shape)}, expected {first.dtype} "
                f"[time{''.join(f', {size}' for size in first.shape[1:])}]"
            )
        padded[row, : len(sequence)] = sequence
    return padded, lengths
