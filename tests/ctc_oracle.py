"""Judges of CTC decoding: every path of a tiny lattice, one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby, product
from typing import Any

import numpy as np

Labels = tuple[int, ...]


def emissions(random: np.random.Generator, *shape: int, scale: float = 2.0) -> Any:
    """Log-probabilities [..., time, classes] float32."""
    x = random.standard_normal(shape) * scale
    return (x - np.log(np.exp(x).sum(-1, keepdims=True))).astype(np.float32)


def labels_of(path: Labels, blank: int) -> Labels:
    return tuple(label for label, _ in groupby(path) if label != blank)


def all_paths(log_probs: Any, blank: int) -> Iterator[tuple[Labels, Labels, float]]:
    """(path, labels, log-probability) of all classes ** time paths."""
    time, classes = log_probs.shape
    for path in product(range(classes), repeat=time):
        total = float(sum(np.float64(log_probs[t, label]) for t, label in enumerate(path)))
        yield path, labels_of(path, blank), total


def totals(log_probs: Any, blank: int = 0) -> dict[Labels, float]:
    """The log-probability of every label sequence: the sum over its paths."""
    found: dict[Labels, float] = defaultdict(lambda: -np.inf)
    for _, labels, total in all_paths(log_probs, blank):
        found[labels] = float(np.logaddexp(found[labels], total))
    return dict(found)


def best_paths(log_probs: Any, blank: int = 0) -> dict[Labels, tuple[float, Labels]]:
    """The likeliest path of every label sequence and its log-probability."""
    found: dict[Labels, tuple[float, Labels]] = {}
    for path, labels, total in all_paths(log_probs, blank):
        if labels not in found or total > found[labels][0]:
            found[labels] = (total, path)
    return found


def runs(path: Labels, blank: int) -> list[tuple[int, int, int]]:
    """(label, start, end) of the labels of a path."""
    found, start = [], 0
    for label, frames in groupby(path):
        end = start + len(list(frames))
        if label != blank:
            found.append((label, start, end))
        start = end
    return found
