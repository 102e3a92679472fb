"""Settings: how long a run takes, how often it looks at itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pyseq import _core


@dataclass(frozen=True)
class Settings:
    """What a `Trainer` does beside updating.

    Args:
        epochs: passes over the data at most; None: no limit.
        max_steps: updates at most.
        max_seconds: training time at most, that of earlier parts of a resumed run included.
        accumulate: batches per update.
        clip_norm: gradients are clipped by norm; None: not.
        clip_value: gradients are clipped by value, before the norm; None: not.
        average_decay: of an exponential average of the weights, which is then evaluated and exported; 0: none.
        evaluate_every: updates between evaluations; 0: at the end of every epoch.
        evaluate_seconds: seconds between evaluations, in place of `evaluate_every`; 0: not by time.
        monitor: the metric that tells which checkpoint is best.
        mode: whether small values of it are good ("min") or large ones ("max").
        patience: evaluations without a better value before the run stops; 0: it goes on.
        checkpoint_every: updates between checkpoints; 0: with every evaluation.
        log_every: updates between lines in the metrics.
        quiet: no progress bar.
        tensorboard: write TensorBoard's event files too.

    Raises:
        ArgumentError: no limit at all, or a number out of range.
    """

    epochs: int | None = None
    max_steps: int | None = None
    max_seconds: float | None = None
    accumulate: int = 1
    clip_norm: float | None = None
    clip_value: float | None = None
    average_decay: float = 0.0
    evaluate_every: int = 0
    evaluate_seconds: float = 0.0
    monitor: str = "loss"
    mode: Literal["min", "max"] = "min"
    patience: int = 0
    checkpoint_every: int = 0
    log_every: int = 10
    quiet: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.epochs is None and self.max_steps is None and self.max_seconds is None:
            raise _core.ArgumentError("Settings: give epochs, max_steps or max_seconds, or training never ends")
        if self.mode not in ("min", "max"):
            raise _core.ArgumentError(f"Settings: mode is {self.mode!r}, expected 'min' or 'max'")
        for name in ("accumulate", "log_every"):
            if getattr(self, name) < 1:
                raise _core.ArgumentError(f"Settings: {name} is {getattr(self, name)}, expected at least 1")
        for name in ("epochs", "max_steps", "max_seconds", "evaluate_every", "evaluate_seconds", "patience"):
            if (getattr(self, name) or 0) < 0:
                raise _core.ArgumentError(f"Settings: {name} is {getattr(self, name)}, expected at least 0")
