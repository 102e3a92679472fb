"""The Word Embedding Association Test."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyseq import _core
from pyseq.embeddings.word_vectors import WordVectors, unit_rows

EXACT = 20_000  # partitions that are all looked at


@dataclass(frozen=True)
class Association:
    """How much more one set of targets than the other goes with one set of attributes than with the other.

    Args:
        effect: d, the difference of the mean associations in standard deviations, -2 … 2.
        statistic: s, the difference of their sums.
        p_value: share of the equal partitions of the targets with a statistic above s.
        words: used of the four sets; those without vectors are left out.
    """

    effect: float
    statistic: float
    p_value: float
    words: tuple[int, int, int, int]


def weat(
    vectors: WordVectors,
    first_targets: Sequence[str],
    second_targets: Sequence[str],
    first_attributes: Sequence[str],
    second_attributes: Sequence[str],
    *,
    samples: int = 20_000,
    seed: int = 0,
) -> Association:
    """Measure an association: s(w) = mean cos(w, a) - mean cos(w, b), d = (mean s(x) - mean s(y)) / std s.

    Args:
        vectors: to judge.
        first_targets: X, such as names of flowers.
        second_targets: Y, such as names of insects; of the longer set the last words are left out.
        first_attributes: A, such as pleasant words.
        second_attributes: B, such as unpleasant words.
        samples: partitions drawn by chance for the p-value where there are too many to look at all.
        seed: of the draws.

    Returns:
        the association.

    Raises:
        ArgumentError: a set has fewer than two words with vectors.

    Source:
        Caliskan, Bryson, Narayanan: Semantics derived automatically from language corpora contain human-like biases
        (2017).
    """
    sets = [[w for w in words if w in vectors] for words in (first_targets, second_targets)]
    attributes = [[w for w in words if w in vectors] for words in (first_attributes, second_attributes)]
    size = min(map(len, sets))
    if size < 2 or min(map(len, attributes)) < 2:
        found = [len(words) for words in (*sets, *attributes)]
        raise _core.ArgumentError(f"weat: the sets have {found} words with vectors, expected at least 2 of each")
    x, y = (unit_rows(vectors.matrix(words[:size])).astype(np.float64) for words in sets)
    a, b = (unit_rows(vectors.matrix(words)).astype(np.float64) for words in attributes)
    both = np.concatenate([x, y])
    scores = (both @ a.T).mean(axis=1) - (both @ b.T).mean(axis=1)
    statistic = float(scores[:size].sum() - scores[size:].sum())
    effect = float((scores[:size].mean() - scores[size:].mean()) / scores.std(ddof=1))
    return Association(
        effect, statistic, _p_value(scores, size, statistic, samples, seed), (size, size, len(a), len(b))
    )


def _p_value(scores: np.ndarray, size: int, statistic: float, samples: int, seed: int) -> float:
    """One-sided, over partitions of the targets into two sets of equal size."""
    total = float(scores.sum())
    margin = 1e-12 * float(np.abs(scores).sum())  # sums of the same values in another order are equal
    if math.comb(2 * size, size) <= EXACT:
        sums = np.array([scores[list(chosen)].sum() for chosen in itertools.combinations(range(2 * size), size)])
        return float(np.mean(2 * sums - total > statistic + margin))
    generator = np.random.Generator(np.random.Philox(key=seed))
    order = generator.random((samples, 2 * size)).argsort(axis=1)[:, :size]
    above = int(np.sum(2 * scores[order].sum(axis=1) - total >= statistic - margin))
    return (above + 1) / (samples + 1)  # the partition at hand is one of them
