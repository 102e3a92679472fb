"""Schedules: the learning rate of every update, as plain objects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pyseq import _core

State = dict[str, float]


class Schedule:
    """The learning rate of update number `step`, from 0 on. Most are functions of `step` alone."""

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        raise NotImplementedError

    def observe(self, value: float) -> None:
        """Take note of a result of an evaluation; `Plateau` alone does."""

    def state(self) -> State:
        """What a checkpoint has to keep."""
        return {}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from what `state` gave."""


class Constant(Schedule):
    """η(t) = base.

    Example:
        >>> from pyseq import train
        >>> train.Constant(0.1)(1000)
        0.1
    """

    def __init__(self, base: float) -> None:
        self.base = base

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        return self.base


class StepDecay(Schedule):
    """η(t) = base · factor^⌊t / every⌋.

    Args:
        base: the learning rate at the start.
        every: updates between two changes.
        factor: what each change multiplies by.

    Example:
        >>> from pyseq import train
        >>> [train.StepDecay(1.0, every=10, factor=0.5)(t) for t in (0, 9, 10, 25)]
        [1.0, 1.0, 0.5, 0.25]
    """

    def __init__(self, base: float, every: int, factor: float = 0.1) -> None:
        _require_positive("StepDecay", every=every)
        self.base, self.every, self.factor = base, every, factor

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        return float(self.base * self.factor ** (step // self.every))


class Cosine(Schedule):
    """η(t) = final + (base − final) · (1 + cos(π t / steps)) / 2, then final.

    Args:
        base: the learning rate at the start.
        steps: updates until the end.
        final: the learning rate at the end.

    Source:
        Loshchilov, Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017).

    Example:
        >>> from pyseq import train
        >>> [train.Cosine(1.0, steps=10)(t) for t in (0, 5, 10, 11)]
        [1.0, 0.5, 0.0, 0.0]
    """

    def __init__(self, base: float, steps: int, final: float = 0.0) -> None:
        _require_positive("Cosine", steps=steps)
        self.base, self.steps, self.final = base, steps, final

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        progress = min(step / self.steps, 1.0)
        return self.final + (self.base - self.final) * (1 + math.cos(math.pi * progress)) / 2


class Linear(Schedule):
    """η(t) = base + (final − base) · t / steps, then final.

    Example:
        >>> from pyseq import train
        >>> [train.Linear(1.0, steps=10)(t) for t in (0, 5, 20)]
        [1.0, 0.5, 0.0]
    """

    def __init__(self, base: float, steps: int, final: float = 0.0) -> None:
        _require_positive("Linear", steps=steps)
        self.base, self.steps, self.final = base, steps, final

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        return self.base + (self.final - self.base) * min(step / self.steps, 1.0)


class InverseSquareRoot(Schedule):
    """η(t) = base · min((t + 1) / warmup, √(warmup / (t + 1))): linear up to base, then as 1/√t.

    Args:
        base: the learning rate at the top, after `warmup` updates. Vaswani et al. take (width · warmup)^−½.
        warmup: updates on the way up.

    Source:
        Vaswani et al., "Attention is all you need" (2017).

    Example:
        >>> from pyseq import train
        >>> [train.InverseSquareRoot(1.0, warmup=4)(t) for t in (0, 3, 15)]
        [0.25, 1.0, 0.5]
    """

    def __init__(self, base: float, warmup: int) -> None:
        _require_positive("InverseSquareRoot", warmup=warmup)
        self.base, self.warmup = base, warmup

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        return self.base * min((step + 1) / self.warmup, math.sqrt(self.warmup / (step + 1)))


class OneCycle(Schedule):
    """Cosine from base / start to base over `rise · steps` updates, then cosine down to base / start / end.

    Args:
        base: the largest learning rate.
        steps: updates of the whole cycle.
        rise: the part of them on the way up.
        start: base over the learning rate at the start.
        end: the learning rate at the start over that at the end.

    Source:
        Smith, Topin, "Super-convergence: very fast training of neural networks using large learning rates" (2018).

    Example:
        >>> from pyseq import train
        >>> schedule = train.OneCycle(1.0, steps=11)
        >>> round(schedule(0), 6), round(schedule(2), 6), round(schedule(10), 6)
        (0.04, 0.960261, 4e-06)
    """

    def __init__(self, base: float, steps: int, rise: float = 0.3, start: float = 25.0, end: float = 1e4) -> None:
        _require_positive("OneCycle", steps=steps, start=start, end=end)
        self.base, self.steps, self.rise = base, steps, rise
        self.initial = base / start
        self.final = self.initial / end

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        step = min(step, self.steps - 1)
        top = self.rise * self.steps - 1
        if step <= top:
            return _between(self.initial, self.base, step / top if top > 0 else 1.0)
        return _between(self.base, self.final, (step - top) / (self.steps - 1 - top))


class Warmup(Schedule):
    """η(t) = (t + 1) / steps · after(0) for t < steps, then after(t − steps).

    Args:
        after: the schedule that follows.
        steps: updates on the way up.

    Example:
        >>> from pyseq import train
        >>> schedule = train.Warmup(train.StepDecay(1.0, every=2, factor=0.5), steps=4)
        >>> [schedule(t) for t in range(8)]
        [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(self, after: Schedule, steps: int) -> None:
        _require_positive("Warmup", steps=steps)
        self.after, self.steps = after, steps

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        return (step + 1) / self.steps * self.after(0) if step < self.steps else self.after(step - self.steps)

    def observe(self, value: float) -> None:
        """Pass it on."""
        self.after.observe(value)

    def state(self) -> State:
        """That of the schedule that follows."""
        return self.after.state()

    def restore(self, state: Mapping[str, float]) -> None:
        """Hand it to the schedule that follows."""
        self.after.restore(state)


class Plateau(Schedule):
    """η · factor whenever `patience` evaluations in a row, and then one more, brought no better value.

    Args:
        base: the learning rate at the start.
        factor: what a change multiplies by.
        patience: evaluations without progress that are forgiven.
        threshold: the relative change that counts as progress.
        mode: whether small values are good ("min") or large ones ("max").
        minimum: η does not fall below.

    Example:
        >>> from pyseq import train
        >>> schedule = train.Plateau(1.0, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     schedule.observe(loss)
        >>> schedule(4)
        0.5
    """

    def __init__(
        self,
        base: float,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        mode: Literal["min", "max"] = "min",
        minimum: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise _core.ArgumentError(f"Plateau: mode is {mode!r}, expected 'min' or 'max'")
        self.rate, self.factor, self.patience, self.minimum = base, factor, patience, minimum
        self.threshold, self.mode = threshold, mode
        self.best = math.inf if mode == "min" else -math.inf
        self.waited = 0

    def __call__(self, step: int) -> float:
        """The learning rate of this update."""
        return self.rate

    def observe(self, value: float) -> None:
        """Count an evaluation."""
        better = (
            value < self.best * (1 - self.threshold) if self.mode == "min" else value > self.best * (1 + self.threshold)
        )
        if better or math.isinf(self.best):
            self.best, self.waited = value, 0
        else:
            self.waited += 1
        if self.waited > self.patience:
            self.rate, self.waited = max(self.rate * self.factor, self.minimum), 0

    def state(self) -> State:
        """Rate, best value and evaluations waited."""
        return {"rate": self.rate, "best": self.best, "waited": self.waited}

    def restore(self, state: Mapping[str, float]) -> None:
        """Go on from there."""
        self.rate, self.best, self.waited = state["rate"], state["best"], int(state["waited"])


def _between(first: float, last: float, progress: float) -> float:
    """Half a cosine from first to last."""
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


def _require_positive(name: str, **values: float) -> None:
    for argument, value in values.items():
        if not value > 0:
            raise _core.ArgumentError(f"{name}: {argument} is {value}, expected above 0")
