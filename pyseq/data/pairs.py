"""Pairs: sources and targets as a model with teacher forcing reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pyseq.data.padding import pad

Ids = NDArray[np.int64]
IGNORED = -100  # the target of padding, as `ops.cross_entropy` knows it


class Pair(NamedTuple):
    """A source and its target, as ids without marks."""

    source: Sequence[int]
    target: Sequence[int]


class PairBatch(NamedTuple):
    """Sources and targets of a batch, padded."""

    tokens: Ids  # [batch, time]
    lengths: Ids  # [batch]
    inputs: Ids  # [batch, target_time]: the start mark, then the target
    outputs: Ids  # [batch, target_time]: the target, then the end mark, then IGNORED
    num_outputs: int  # outputs that are not ignored


def collate_pairs(pairs: Sequence[Pair], start: int, end: int) -> PairBatch:
    """A batch of pairs.

    Args:
        pairs: sources and targets.
        start: id of the start mark.
        end: id of the end mark.

    Returns:
        The batch.

    Example:
        >>> from pyseq.data import Pair, collate_pairs
        >>> batch = collate_pairs([Pair([5, 6], [7, 8]), Pair([5], [9])], start=1, end=2)
        >>> batch.inputs.tolist(), batch.outputs.tolist(), batch.num_outputs
        ([[1, 7, 8], [1, 9, 2]], [[7, 8, 2], [9, 2, -100]], 5)
    """
    tokens, lengths = pad([list(pair.source) for pair in pairs])
    inputs, counts = pad([[start, *pair.target] for pair in pairs], end)
    outputs: Any = pad([[*pair.target, end] for pair in pairs], IGNORED)[0]
    return PairBatch(tokens, lengths, inputs, outputs, int(counts.sum()))
