"""Judges of ctc_loss in float64: the recursion of the paper, and a sum over every single alignment."""

from __future__ import annotations

from itertools import groupby, product
from typing import Any

import numpy as np
from reference import Array, log_softmax


def log_add(*terms: float) -> float:
    return float(np.logaddexp.reduce(terms))


def extended(target: Array, blank: int) -> list[int]:
    """The target with blanks around every label."""
    states = [blank] * (2 * len(target) + 1)
    states[1::2] = [int(label) for label in target]
    return states


def prefixes(log_probs: Array, states: list[int], blank: int) -> Array:
    """[time + 1, states]: log-probability of all alignments of the first t frames that end in a state."""
    alpha = np.full((len(log_probs) + 1, len(states) + 1), -np.inf)
    alpha[0, 0] = 0  # before the first frame: the first blank may follow, or the first label
    for t, frame in enumerate(log_probs):
        for s, label in enumerate(states):
            total = log_add(alpha[t, s], alpha[t, s - 1] if s else -np.inf)
            if s > 1 and label not in (blank, states[s - 2]):
                total = log_add(total, alpha[t, s - 2])
            alpha[t + 1, s] = total + frame[label]
    return alpha[:, :-1]


def one_sequence(logits: Array, target: Array, blank: int) -> tuple[float, Array]:
    """Loss and gradient of one sequence: suffixes are prefixes of the reversed sequence."""
    log_probs, states = log_softmax(logits), extended(target, blank)
    if len(logits) == 0:
        return (0.0 if len(target) == 0 else np.inf), np.zeros(logits.shape)
    alpha = prefixes(log_probs, states, blank)
    beta = prefixes(log_probs[::-1], states[::-1], blank)[::-1, ::-1]
    total = log_add(alpha[-1, -1], alpha[-1, -2] if len(target) else -np.inf)
    if total == -np.inf:
        return np.inf, np.full(logits.shape, np.nan)
    gradient = np.exp(log_probs)
    for t, frame in enumerate(log_probs):
        for s, label in enumerate(states):
            if frame[label] > -np.inf:
                gradient[t, label] -= np.exp(alpha[t + 1, s] + beta[t, s] - frame[label] - total)
    return -total, gradient


def ctc_loss(
    logits: Array,
    targets: Array,
    lengths: Array | None = None,
    target_lengths: Array | None = None,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
) -> tuple[Array, Array]:
    batch, time, _ = logits.shape
    losses, gradients = np.zeros(batch), np.zeros(logits.shape)
    for b in range(batch):
        valid = time if lengths is None else int(lengths[b])
        labels = targets.shape[1] if target_lengths is None else int(target_lengths[b])
        losses[b], gradients[b, :valid] = one_sequence(logits[b, :valid], targets[b, :labels], blank)
        if zero_infinity and np.isinf(losses[b]):
            losses[b], gradients[b] = 0, 0
    return losses, gradients


def sum_over_alignments(logits: Array, target: Any, blank: int = 0) -> float:
    """The loss by its definition: classes ** time alignments, one by one."""
    log_probs, total = log_softmax(logits), -np.inf
    for path in product(range(logits.shape[1]), repeat=len(logits)):
        if [label for label, _ in groupby(path) if label != blank] == list(target):
            total = log_add(total, sum(log_probs[t, label] for t, label in enumerate(path)))
    return -total
