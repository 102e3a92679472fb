"""Detections: words that a detector heard, and false alarms, at every threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
EARLY = 0.2  # seconds before the end of a word in which an event is its detection already


class RocPoint(NamedTuple):
    """What a threshold gives."""

    threshold: float
    detected: float  # share of the words
    alarms_per_minute: float  # events that no word explains


@dataclass(frozen=True)
class Debouncing:
    """How probabilities become events: as `pyseq.tasks.trigger_detector.Debounce` does.

    Attributes:
        step_seconds: from one probability to the next.
        frames: steps in a row at or above the threshold.
        pause_seconds: after an event, in which there is no other.
        tolerance: seconds after a word in which an event is its detection.
    """

    step_seconds: float
    frames: int = 2
    pause_seconds: float = 1.0
    tolerance: float = 1.0

    def events(self, probabilities: Array, threshold: float) -> list[float]:
        """Seconds of the events in the probabilities [steps] of one sound.

        Example:
            >>> import numpy as np
            >>> from pyseq.metrics import Debouncing
            >>> Debouncing(0.5, frames=2).events(np.array([0.6, 0.1, 0.7, 0.9, 0.9, 0.9]), 0.5)
            [2.0]
        """
        above = np.cumsum(np.concatenate([[0], probabilities >= threshold]))
        candidates = np.flatnonzero(above[self.frames :] - above[: -self.frames] == self.frames) + self.frames
        found: list[int] = []
        for step in candidates.tolist():
            if not found or step > found[-1] + round(self.pause_seconds / self.step_seconds):
                found.append(step)
        return [step * self.step_seconds for step in found]


def detections(
    probabilities: Sequence[Array], ends: Sequence[Sequence[float]], threshold: float, rule: Debouncing
) -> RocPoint:
    """Detections and false alarms of events at one threshold.

    Args:
        probabilities: [steps] of every sound.
        ends: seconds at which the words of every sound end; those that leave no time for an event do not count.
        threshold: least probability.
        rule: how probabilities become events.
    """
    found = alarms = words = 0
    for steps, all_ends in zip(probabilities, ends, strict=True):
        events = rule.events(steps, threshold)
        seconds = len(steps) * rule.step_seconds
        times = [end for end in all_ends if end + rule.tolerance <= seconds]
        words += len(times)
        found += sum(any(-EARLY <= event - time <= rule.tolerance for event in events) for time in times)
        alarms += sum(not any(-EARLY <= event - end <= rule.tolerance for end in all_ends) for event in events)
    minutes = sum(map(len, probabilities)) * rule.step_seconds / 60
    return RocPoint(threshold, found / max(words, 1), alarms / max(minutes, 1e-9))


def roc(
    probabilities: Sequence[Array], ends: Sequence[Sequence[float]], rule: Debouncing, thresholds: Sequence[float]
) -> list[RocPoint]:
    """The receiver operating characteristic: what each of some thresholds gives; arguments as for `detections`.

    Example:
        >>> import numpy as np
        >>> from pyseq import metrics
        >>> p = np.repeat([0.1, 0.9, 0.1, 0.6, 0.1], 10)
        >>> rule = metrics.Debouncing(step_seconds=0.1)
        >>> [point[1:] for point in metrics.roc([p], [[1.0]], rule, [0.5, 0.8])]
        [(1.0, 12.0), (1.0, 0.0)]
    """
    return [detections(probabilities, ends, float(threshold), rule) for threshold in thresholds]


def operating_point(curve: Sequence[RocPoint], alarms_per_minute: float) -> RocPoint:
    """The point with most detections among those with few enough alarms, of equals that with the highest threshold.

    The last point where none has few enough.
    """
    allowed = [point for point in curve if point.alarms_per_minute <= alarms_per_minute]
    return max(allowed, key=lambda point: (point.detected, point.threshold), default=curve[-1])
