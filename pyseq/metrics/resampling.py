"""How sure a figure is: bootstrap confidence intervals and paired tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pyseq import _core

Statistics = NDArray[Any]
# A figure from the sum of the statistics of some examples [k] and their number.
Metric = Callable[[Statistics, int], float]


def mean(total: Statistics, count: int) -> float:
    """The mean of the first statistic."""
    return float(total[0]) / count


def ratio(total: Statistics, count: int) -> float:
    """The first statistic over the second one: edits over tokens, for instance."""
    return float(total[0]) / float(total[1])


@dataclass(frozen=True)
class Interval:
    """A figure, and where it lies with the confidence that was asked for."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """One system beside another on the same examples."""

    difference: Interval  # the system's figure − the baseline's
    p_value: float  # probability of a difference as large where both are equally good
    larger: float  # share of the samples in which the system's figure is the larger one


def bootstrap_interval(
    statistics: ArrayLike, metric: Metric = mean, *, confidence: float = 0.95, samples: int = 1000, seed: int = 0
) -> Interval:
    """The interval between the quantiles (1 ± confidence) / 2 of a metric over samples of the examples.

    A sample draws as many examples as there are, with replacement.

    Args:
        statistics: [examples] or [examples, k]: what adds up: 0 or 1 for right and wrong, (edits, tokens), the row of
            `BleuStatistics` …
        metric: the figure of their sum [k] and the number of examples: `mean`, `ratio`, or a function.
        confidence: share of the samples between the bounds.
        samples: how many.
        seed: of the random numbers.

    Returns:
        the figure of all examples, with its bounds.

    Raises:
        ArgumentError: no examples, samples below 1, or a confidence that is not between 0 and 1.

    Source:
        Efron, "Bootstrap methods: another look at the jackknife" (1979); Koehn, "Statistical significance tests for
        machine translation evaluation" (2004).

    Example:
        >>> from pyseq import metrics
        >>> found = metrics.bootstrap_interval([1] * 80 + [0] * 20)
        >>> found.value, 0.70 < found.low < 0.76, 0.84 < found.high < 0.90
        (0.8, True, True)
    """
    rows = _rows("bootstrap_interval", statistics, samples)
    figures = np.array([metric(rows[chosen].sum(0), len(rows)) for chosen in _draws(len(rows), samples, seed)])
    return _interval(metric(rows.sum(0), len(rows)), figures, confidence)


def paired_bootstrap(
    system: ArrayLike,
    baseline: ArrayLike,
    metric: Metric = mean,
    *,
    confidence: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Whether two systems differ by more than chance: both are judged on the same samples of the examples.

    p = (1 + Σ [|d_s − d̄| ≥ |d|]) / (1 + samples), d the difference over all examples, d_s over sample s, d̄ the mean of
    d_s.

    Args:
        system: statistics of the examples, as for `bootstrap_interval`.
        baseline: of the same examples.
        metric: the figure.
        confidence: of the interval of the difference.
        samples: how many.
        seed: of the random numbers.

    Raises:
        ArgumentError: statistics of different shapes; otherwise as `bootstrap_interval`.

    Source:
        Koehn (2004); the p-value as in sacrebleu.

    Example:
        >>> from pyseq import metrics
        >>> found = metrics.paired_bootstrap([1] * 90 + [0] * 10, [1] * 70 + [0] * 30)
        >>> round(found.difference.value, 3), found.p_value < 0.01, found.larger
        (0.2, True, 1.0)
    """
    ours, theirs = (_rows("paired_bootstrap", one, samples) for one in (system, baseline))
    if ours.shape != theirs.shape:
        raise _core.ArgumentError(
            f"paired_bootstrap: statistics {list(ours.shape)} and {list(theirs.shape)}, expected the same examples"
        )
    count = len(ours)
    differences = np.array(
        [
            metric(ours[chosen].sum(0), count) - metric(theirs[chosen].sum(0), count)
            for chosen in _draws(count, samples, seed)
        ]
    )
    difference = metric(ours.sum(0), count) - metric(theirs.sum(0), count)
    as_large = np.abs(differences - differences.mean()) >= abs(difference)
    return Comparison(
        _interval(difference, differences, confidence),
        float((1 + as_large.sum()) / (1 + samples)),
        float((differences > 0).mean()),
    )


def _rows(name: str, statistics: ArrayLike, samples: int) -> Statistics:
    rows = np.asarray(statistics, np.float64)
    rows = rows[:, None] if rows.ndim == 1 else rows
    if rows.ndim != 2 or not len(rows):
        raise _core.ArgumentError(
            f"{name}: statistics {list(np.shape(statistics))}, expected [examples] or [examples, k], one at least"
        )
    if samples < 1:
        raise _core.ArgumentError(f"{name}: samples is {samples}, expected 1 or more")
    return rows


def _draws(count: int, samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    return (random.integers(0, count, count) for _ in range(samples))


def _interval(value: float, figures: NDArray[Any], confidence: float) -> Interval:
    if not 0 < confidence < 1:
        raise _core.ArgumentError(f"bootstrap: confidence is {confidence}, expected a number between 0 and 1")
    low, high = np.quantile(figures, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(value), float(low), float(high))
