"""What a training run is made of: where batches come from, how far it has come, how it ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pyseq.tensor import Tensor

Loss = Callable[[Any], tuple[Tensor, float]]
Metrics = Mapping[str, float]


class BatchSource(Protocol):
    """Batches without an end, one epoch after the other (`pyseq.data` has some)."""

    @property
    def epoch(self) -> int:
        """How many epochs have been given out completely."""

    def __len__(self) -> int:
        """Batches of the epoch that is going on; 0: not known."""

    def __next__(self) -> Any:
        """The next batch."""

    def state(self) -> dict[str, Any]:
        """Where the next batch stands: numbers, texts, lists of them, arrays."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` gave."""


@dataclass
class Counters:
    """How far a run has come; part of its checkpoints."""

    step: int = 0
    seconds: float = 0.0
    units: float = 0.0
    evaluated_step: int = 0
    evaluated_seconds: float = 0.0
    best: float | None = None
    best_step: int = 0
    waited: int = 0
    window_loss: float = 0.0
    window_units: float = 0.0


@dataclass(frozen=True)
class Result:
    """How a run ended.

    Args:
        reason: "epochs", "steps", "seconds", "patience", "callback" or "interrupted".
        step: updates made.
        epoch: epochs completed.
        seconds: training time.
        metrics: of the last evaluation.
        best: the best value of the monitored metric; None without evaluations.
        best_step: when it was reached.
    """

    reason: str
    step: int
    epoch: int
    seconds: float
    metrics: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    best_step: int = 0
