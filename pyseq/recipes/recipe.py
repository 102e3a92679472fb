"""What a recipe is: one task from data to model file, told by a configuration."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

from pyseq import _core
from pyseq.metrics import RocPoint
from pyseq.nn import Module
from pyseq.program import Program
from pyseq.train import NO_DECAY_OF_VECTORS, AdamW, Cosine, FlatParameters, Optimizer, Schedule, Settings, Warmup
from pyseq.train.run import BatchSource, Metrics


def option(default: Any, help: str) -> Any:
    """A field of a configuration, with the text that `pyseq train RECIPE --help` shows."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class RecipeConfig:
    """What all recipes can be told; recipes add fields of their own, and defaults that suit them.

    Types of fields are bool, int, float, str, or one of the last three with `| None`. Names become options:
    `clip_norm` is `--clip-norm`.
    """

    seed: int = option(0, "Initial values, order of the data and dropout follow from it.")
    epochs: int | None = option(None, "Passes over the data at most.")
    max_steps: int | None = option(None, "Updates at most.")
    max_seconds: float | None = option(None, "Seconds of training at most.")
    batch_size: int = option(32, "Examples in a batch.")
    accumulate: int = option(1, "Batches per update.")
    learning_rate: float = option(1e-3, "Learning rate (at the top of a schedule).")
    weight_decay: float = option(0.0, "Weight decay of matrices (AdamW).")
    clip_norm: float | None = option(1.0, "Gradients are clipped to this norm; none: not.")
    average_decay: float = option(0.0, "Exponential average of the weights, 0.999 for instance; 0: none.")
    evaluate_every: int = option(0, "Updates between evaluations; 0: after every epoch.")
    patience: int = option(0, "Evaluations without progress before training stops; 0: it goes on.")
    log_every: int = option(10, "Updates between lines of metrics.csv.")


class Recipe:
    """One task: data → model → training → evaluation → model file.

    A recipe is a module of `pyseq.recipes` that defines a subclass, and names it `RECIPE`. `pyseq train NAME` makes one
    from the configuration, calls `prepare`, trains `module` on `batches`, and writes what `export` writes. The
    docstring's first line is what `pyseq train --list` shows.

    Attributes:
        Config: the dataclass of its options.
        data_name: the data set that it reads (`pyseq.data.find`); None: none.
        monitor, mode: the metric that tells which checkpoint is best, and whether small or large values are good.
        config: the options of this run.
        module: the model, once `prepare` has run.
        batches: training data, once `prepare` has run.

    Example:
        >>> import numpy as np
        >>> from dataclasses import dataclass
        >>> from pyseq import data, nn, ops
        >>> from pyseq.recipes import Recipe, RecipeConfig, option, train
        >>> @dataclass(frozen=True)
        ... class LineConfig(RecipeConfig):
        ...     slope: float = option(3.0, "Slope of the line.")
        >>> class Line(Recipe):
        ...     '''A straight line through points.'''
        ...     Config = LineConfig
        ...     def prepare(self, path=None):
        ...         self.x = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
        ...         self.module = nn.Linear(1, 1)
        ...         self.batches = data.Batches(range(16), lambda rows: self.x[rows], self.config.batch_size)
        ...     def loss(self, batch):
        ...         error = ops.subtract(self.module(batch), np.float32(self.config.slope) * batch)
        ...         return error * error, len(batch)
        ...     def evaluate(self):
        ...         return {"loss": float(np.square(self.module(self.x).numpy() - 3 * self.x).mean())}
        >>> result = train(Line(LineConfig(max_steps=200, learning_rate=0.05)), quiet=True)
        >>> result.metrics["loss"] < 1e-3
        True
    """

    Config: ClassVar[type[RecipeConfig]] = RecipeConfig
    data_name: ClassVar[str | None] = None
    monitor: ClassVar[str] = "loss"
    mode: ClassVar[Any] = "min"

    module: Module
    batches: BatchSource

    def __init__(self, config: RecipeConfig) -> None:
        self.config: Any = config

    def prepare(self, path: Path | None = None) -> None:
        """Read the data and make `module` and `batches`.

        Args:
            path: where the user says the data lies; None: where `pyseq.data.find(data_name)` finds it.
        """
        raise NotImplementedError

    def loss(self, batch: Any) -> tuple[Any, float]:
        """Losses of a batch (of any shape; they are added up), and the number of units that they stand for."""
        module: Any = self.module
        losses: tuple[Any, float] = module.loss(batch)
        return losses

    def evaluate(self) -> Metrics:
        """Metrics of `module` on held-out data."""
        raise NotImplementedError

    def evaluate_program(self, program: Program) -> Metrics:
        """Metrics of an exported model on the same data; only recipes that can run one define it."""
        raise _core.UnsupportedError(
            f"{type(self).__name__}: exported models are not evaluated; give a checkpoint (best.safetensors)"
        )

    def roc(self, program: Program | None = None) -> list[RocPoint]:
        """What all thresholds of a detector give on held-out data (`module`, or an exported model)."""
        raise _core.UnsupportedError(f"{type(self).__name__}: only detectors have an ROC curve")

    def export(self, file: Path) -> None:
        """Write `module` as a model file; recipes without one write nothing."""

    def origin(self) -> dict[str, Any]:
        """What `export` notes in the task of a model file, so that `pyseq eval` can make the recipe's data again."""
        return {"config": asdict(self.config)}

    def initialize(self) -> None:
        """Give `module` its initial values: drawn from the seed, unless a recipe begins with others."""
        self.module.initialize(self.config.seed)

    def optimizer(self) -> Optimizer:
        """What updates the parameters: AdamW with a constant rate, no decay of biases and norms."""
        return AdamW(
            FlatParameters(self.module),
            self.config.learning_rate,
            weight_decay=self.config.weight_decay,
            groups=[NO_DECAY_OF_VECTORS],
        )

    def warm_cosine(self, warmup: int, default_steps: int) -> Schedule:
        """The learning rate: on the way up for `warmup` updates, then a cosine down to nothing at the last one.

        Args:
            warmup: updates on the way up, at most half of all.
            default_steps: updates of a run that only time limits.
        """
        steps = self.planned_steps() or default_steps
        warmup = max(1, min(warmup, steps // 2))
        return Warmup(Cosine(self.config.learning_rate, max(1, steps - warmup)), warmup)

    def warm_adamw(self, warmup: int, default_steps: int, betas: tuple[float, float] = (0.9, 0.999)) -> Optimizer:
        """AdamW on the schedule of `warm_cosine`, no decay of biases and norms."""
        return AdamW(
            FlatParameters(self.module),
            self.warm_cosine(warmup, default_steps),
            betas,
            weight_decay=self.config.weight_decay,
            groups=[NO_DECAY_OF_VECTORS],
        )

    def planned_steps(self) -> int | None:
        """Updates that the configuration allows, for schedules; None where only time limits them."""
        limits = [] if self.config.max_steps is None else [self.config.max_steps]
        if self.config.epochs is not None and len(self.batches):
            limits.append(self.config.epochs * len(self.batches) // self.config.accumulate)
        return max(1, min(limits)) if limits else None

    def settings(self, quiet: bool = False, tensorboard: bool = False) -> Settings:
        """Limits and intervals, from the configuration."""
        shared = {f.name for f in fields(Settings)} & {f.name for f in fields(self.config)}
        values = {name: getattr(self.config, name) for name in shared}
        return Settings(**values, monitor=self.monitor, mode=self.mode, quiet=quiet, tensorboard=tensorboard)
