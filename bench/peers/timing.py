"""How one engine is timed in one turn, and how the turns of several become medians."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.peers.model import Call

TURN_SECONDS = 0.03
SAMPLE_SECONDS = 1e-3  # shorter calls are timed several at a time, so that the clock and its jitter cost nothing
LONG_SECONDS = 0.25  # a call that takes longer is one sample, without a warm-up of its own
STOLEN_SHARE = 0.01  # of a turn: more taken by the hypervisor and the turn does not count


def take_turn(call: Call, estimate: float) -> list[float]:
    """Seconds per call, several samples; uncounted calls first, which wake threads and refill the caches."""
    if estimate > LONG_SECONDS:
        return [_seconds(call, 1)]
    for _ in range(2 if estimate < TURN_SECONDS else 1):
        call()
    calls = max(1, math.ceil(SAMPLE_SECONDS / max(estimate, 1e-8)))
    samples: list[float] = []
    end = time.perf_counter() + TURN_SECONDS
    while not samples or time.perf_counter() < end:
        samples.append(_seconds(call, calls))
    return samples


def estimate_seconds(call: Call) -> float:
    """Of one call, roughly, after a first one that may compile or allocate."""
    call()
    once = _seconds(call, 1)
    return once if once > SAMPLE_SECONDS else _seconds(call, math.ceil(SAMPLE_SECONDS / max(once, 1e-7)))


def _seconds(call: Call, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - start) / calls


def stolen_seconds() -> float:
    """Time that the hypervisor gave to other machines so far, over all processors; 0 where it is not told."""
    try:
        with open("/proc/stat") as stat:
            return int(stat.readline().split()[8]) / 100
    except (OSError, IndexError, ValueError):
        return 0.0


@dataclass
class Samples:
    """The turns of one engine."""

    turns: list[tuple[list[float], bool]] = field(default_factory=list)  # samples, whether nothing was stolen

    def add(self, samples: list[float], stolen: float, threads: int) -> None:
        """One turn during which `stolen` seconds went to other machines."""
        self.turns.append((samples, stolen <= STOLEN_SHARE * threads * max(sum(samples), TURN_SECONDS)))

    @property
    def clean(self) -> int:
        """Turns without stolen time."""
        return sum(clean for _, clean in self.turns)

    def counted(self, fewest: int = 3) -> list[float]:
        """Samples of the clean turns, or of all when too few are clean."""
        only_clean = self.clean >= min(fewest, len(self.turns))
        return [seconds for samples, clean in self.turns if clean or not only_clean for seconds in samples]

    def summary(self) -> dict[str, float]:
        """Median, extremes and numbers, for the report."""
        seconds = self.counted()
        return {
            "median": statistics.median(seconds),
            "minimum": min(seconds),
            "maximum": max(seconds),
            "samples": len(seconds),
            "turns": len(self.turns),
            "clean_turns": self.clean,
        }


@dataclass(frozen=True)
class Plan:
    """When a case has been measured enough."""

    rounds: int = 7
    fewest: int = 3
    budget: float = 5.0  # seconds after which the fewest rounds are enough

    def enough(self, all_samples: Sequence[Samples], done: int, elapsed: float) -> bool:
        """Whether to stop after `done` rounds. Stolen turns are repeated, for at most twice the budget."""
        if done < self.fewest:
            return False
        clean = min(samples.clean for samples in all_samples) >= self.fewest
        return (done >= self.rounds or elapsed > self.budget) and (clean or elapsed > 2 * self.budget)
