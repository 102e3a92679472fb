"""Judges of conditional random fields in float64: the recursions, and sums over every single path."""

from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import numpy as np
from reference import Array


def log_sum(values: Array, axis: int) -> Array:
    result: Array = np.logaddexp.reduce(values, axis=axis)
    return result


def prefixes(emissions: Array, transitions: Array, start: Array) -> Array:
    """[time, labels]: log of the sum over all prefixes of paths that end in a label."""
    rows = [start + emissions[0]]
    for frame in emissions[1:]:
        rows.append(log_sum(rows[-1][:, None] + transitions, 0) + frame)
    return np.array(rows)


def suffixes(emissions: Array, transitions: Array, end: Array) -> Array:
    """[time, labels]: log of the sum over what may follow a label, without its own emission."""
    rows = [end]
    for frame in emissions[:0:-1]:
        rows.append(log_sum(transitions + (frame + rows[-1])[None], 1))
    return np.array(rows[::-1])


def path_score(emissions: Array, transitions: Array, start: Array, end: Array, path: Any) -> float:
    steps = sum(transitions[before, label] for before, label in pairwise(path))
    return float(
        start[path[0]] + end[path[-1]] + steps + sum(row[label] for row, label in zip(emissions, path, strict=True))
    )


def all_paths(time: int, labels: int) -> list[tuple[int, ...]]:
    return list(product(range(labels), repeat=time))


def _rows(emissions: Array, start: Any, end: Any, lengths: Any) -> tuple[Array, Array, list[int]]:
    batch, time, labels = emissions.shape
    zeros = np.zeros(labels)
    valid = [time] * batch if lengths is None else [int(length) for length in lengths]
    return zeros if start is None else start, zeros if end is None else end, valid


def crf_loss(
    emissions: Array, transitions: Array, targets: Array, start: Any = None, end: Any = None, lengths: Any = None
) -> tuple[Array, Array, Array]:
    batch, _, labels = emissions.shape
    start, end, valid = _rows(emissions, start, end, lengths)
    losses, gradients = np.zeros(batch), np.zeros(emissions.shape)
    transition_gradients = np.zeros((batch, labels, labels))
    for b, count in enumerate(valid):
        if count == 0:
            continue
        x, path = emissions[b, :count].astype(np.float64), targets[b, :count]
        before, behind = prefixes(x, transitions, start), suffixes(x, transitions, end)
        total = log_sum(before[-1] + end, 0)
        losses[b] = total - path_score(x, transitions, start, end, path)
        gradients[b, :count] = np.exp(before + behind - total)
        for t in range(count):
            gradients[b, t, path[t]] -= 1
            if t:
                pairs = before[t - 1][:, None] + transitions + (x[t] + behind[t])[None] - total
                transition_gradients[b] += np.exp(pairs)
                transition_gradients[b, path[t - 1], path[t]] -= 1
    return losses, gradients, transition_gradients


def crf_marginals(
    emissions: Array, transitions: Array, start: Any = None, end: Any = None, lengths: Any = None
) -> Array:
    start, end, valid = _rows(emissions, start, end, lengths)
    found = np.zeros(emissions.shape)
    for b, count in enumerate(valid):
        if count:
            x = emissions[b, :count].astype(np.float64)
            scores = prefixes(x, transitions, start) + suffixes(x, transitions, end)
            found[b, :count] = np.exp(scores - log_sum(scores, 1)[:, None])
    return found


def viterbi(
    emissions: Array, transitions: Array, start: Any = None, end: Any = None, lengths: Any = None
) -> tuple[Array, Array]:
    batch, time, _ = emissions.shape
    start, end, valid = _rows(emissions, start, end, lengths)
    paths, scores = np.zeros((batch, time), np.int64), np.zeros(batch)
    for b, count in enumerate(valid):
        if count == 0:
            continue
        best, before = start + emissions[b, 0].astype(np.float64), []
        for frame in emissions[b, 1:count]:
            candidates = best[:, None] + transitions
            before.append(candidates.argmax(0))
            best = candidates.max(0) + frame
        paths[b, count - 1] = (best + end).argmax()
        for t in range(count - 2, -1, -1):
            paths[b, t] = before[t][paths[b, t + 1]]
        scores[b] = (best + end).max()
    return paths, scores
