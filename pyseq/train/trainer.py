"""Trainer: one loop for all recipes."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from pyseq import random
from pyseq.autograd import Tape
from pyseq.nn import Module
from pyseq.train.averaging import ExponentialAverage
from pyseq.train.checkpoint import Checkpoint, remove_leftovers, split_arrays, tensors_of
from pyseq.train.interruption import Interruption
from pyseq.train.metrics_file import MetricsFile
from pyseq.train.nonfinite import NonFiniteError, explain
from pyseq.train.optimizers import Optimizer
from pyseq.train.progress import ProgressBar
from pyseq.train.run import BatchSource, Counters, Loss, Metrics, Result
from pyseq.train.settings import Settings

LOG = logging.getLogger("pyseq.train")
LAST, BEST, METRICS = "last.safetensors", "best.safetensors", "metrics.csv"


class Callback:
    """Told what happens; subclasses define what they need."""

    def after_step(self, trainer: Trainer, loss: float) -> None:
        """After every update. `trainer.stop("callback")` ends the run."""

    def after_evaluation(self, trainer: Trainer, metrics: Metrics) -> None:
        """After every evaluation."""


class Trainer:
    """Trains a module: batches, gradients, updates; evaluation, checkpoints, metrics.

    The loss of a batch is a tensor of any shape, whose values are added up, and the number of units (tokens, sentences)
    that it stands for: what is minimised, and shown, is Σ loss / Σ units, over all batches of an update.

    Args:
        module: what is trained; `module.loss(batch)` unless `loss` is given. When it has `training_state()` and
            `restore_training_state(state)`, what they give is part of checkpoints (states carried between batches).
        batches: where batches come from.
        optimizer: what updates the module's parameters.
        settings: limits and intervals.
        loss: batch -> (loss tensor, units).
        evaluate: () -> metrics by name, run in evaluation mode with averaged weights; None: no evaluations.
        folder: for checkpoints and metrics; None: none are written.
        stream: what dropout and sampling draw from while the run goes on; None: a stream of seed 0.
        callbacks: told after every step and evaluation.
        facts: what else to write into checkpoints ({"recipe": ...}).

    Example:
        >>> import numpy as np
        >>> from pyseq import data, nn, ops, train
        >>> class Line(nn.Linear):
        ...     def loss(self, batch):
        ...         x, y = batch
        ...         error = ops.subtract(self(x), y)
        ...         return error * error, len(x)
        >>> x = np.linspace(-1, 1, 16, dtype=np.float32)[:, None]
        >>> model = Line(1, 1).initialize(0)
        >>> batches = data.Batches(range(16), lambda rows: (x[rows], 3 * x[rows] + 1), batch_size=4)
        >>> settings = train.Settings(max_steps=200, quiet=True)
        >>> result = train.Trainer(model, batches, train.Adam(model, 0.1), settings).run()
        >>> result.reason, np.round(model.weight.numpy(), 2), np.round(model.bias.numpy(), 2)
        ('steps', array([[3.]], dtype=float32), array([1.], dtype=float32))
    """

    def __init__(
        self,
        module: Module,
        batches: BatchSource,
        optimizer: Optimizer,
        settings: Settings,
        loss: Loss | None = None,
        evaluate: Callable[[], Metrics] | None = None,
        folder: Path | None = None,
        stream: random.Stream | None = None,
        callbacks: Iterable[Callback] = (),
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        self.module, self.batches, self.optimizer, self.settings = module, batches, optimizer, settings
        self.parameters = optimizer.parameters
        trained: Any = module
        self.loss: Loss = loss or trained.loss
        self.evaluate, self.folder, self.facts = evaluate, folder, dict(facts or {})
        self.stream = random.Stream(0) if stream is None else stream
        self.callbacks = list(callbacks)
        decay = settings.average_decay
        self.average = ExponentialAverage(self.parameters, decay) if decay else None
        self.counters = Counters()
        self.metrics: dict[str, float] = {}
        self._stop: str | None = None
        self._evaluated_epoch = 0
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            for name in (LAST, BEST, METRICS):
                remove_leftovers(folder / name)

    # The loop.

    def run(self) -> Result:
        """Train until a limit is reached, or Ctrl-C; then write the last checkpoint.

        Raises:
            NonFiniteError: the loss or a gradient is NaN or infinite; it says where that comes from.
        """
        board = self.folder / "tensorboard" if self.folder and self.settings.tensorboard else None
        metrics_file = MetricsFile(self.folder / METRICS if self.folder else None, self.counters.step, board)
        bar = ProgressBar(self.settings.quiet, self._planned_steps(), self.counters.step)
        try:
            with Interruption() as interruption, random.using(self.stream):
                reason = self._train(interruption, metrics_file, bar)
            self._save(LAST)
            if reason != "interrupted" and self.evaluate is not None and not self._just_evaluated():
                self._evaluate_now(metrics_file, bar, planned=False)
        finally:
            bar.close()
            metrics_file.close()
        counters = self.counters
        LOG.info("stopped by %s after %d steps, %.1f s", reason, counters.step, counters.seconds)
        return Result(
            reason,
            counters.step,
            self.batches.epoch,
            counters.seconds,
            dict(self.metrics),
            counters.best,
            counters.best_step,
        )

    def stop(self, reason: str = "callback") -> None:
        """End the run after this step."""
        self._stop = reason

    def _train(self, interruption: Interruption, metrics_file: MetricsFile, bar: ProgressBar) -> str:
        self.module.train()
        while (reason := self._limit_reached(interruption)) is None:
            begin = time.perf_counter()
            loss, norm = self._step()
            self.counters.seconds += time.perf_counter() - begin
            self._log(loss, norm, metrics_file, bar)
            for callback in self.callbacks:
                callback.after_step(self, loss)
            due = self._evaluation_due()
            if due:
                self._evaluate_now(metrics_file, bar, planned=True)
            if due if not self.settings.checkpoint_every else self.counters.step % self.settings.checkpoint_every == 0:
                self._save(LAST)
        return reason

    def _step(self) -> tuple[float, float]:
        """One update; mean loss of its units, norm of its gradients before clipping."""
        batches = [next(self.batches) for _ in range(self.settings.accumulate)]
        before = self._moment()
        self.parameters.zero_gradients()
        total, units = 0.0, 0.0
        for batch in batches:
            with Tape() as tape:
                losses, count = self.loss(batch)
            share = 1.0 / count if len(batches) == 1 and count > 0 else 1.0
            total += float(np.sum(losses.data, dtype=np.float64))
            units += count
            tape.backward(losses, np.full(losses.data.shape, share, np.float32))
        if len(batches) > 1 and units > 0:
            self.parameters.scale_gradients(1.0 / units)
        if self.settings.clip_value is not None:
            self.parameters.clip_gradient_values(self.settings.clip_value)
        clip = self.settings.clip_norm
        norm = self.parameters.gradient_norm() if clip is None else self.parameters.clip_gradient_norm(clip)
        loss = total / units if units > 0 else math.nan
        if not (math.isfinite(loss) and math.isfinite(norm)):
            self._raise_non_finite(batches, loss, norm, before)
        self.optimizer.step()
        if self.average is not None:
            self.average.update()
        counters = self.counters
        counters.step += 1
        counters.units += units
        counters.window_loss += total
        counters.window_units += units
        return loss, norm

    def _moment(self) -> tuple[dict[str, Any], dict[str, int]]:
        """What a batch must find again to give the same values."""
        return self._carried(), self.stream.state()

    def _carried(self) -> dict[str, Any]:
        """What the module carries from batch to batch."""
        module: Any = self.module
        return dict(module.training_state()) if hasattr(module, "training_state") else {}

    def _restore_carried(self, state: Mapping[str, Any]) -> None:
        module: Any = self.module
        if hasattr(module, "restore_training_state"):
            module.restore_training_state(state)

    def _raise_non_finite(self, batches: list[Any], loss: float, norm: float, before: Any) -> None:
        carried, drawn = before
        self._restore_carried(carried)
        self.stream.restore(drawn)
        what = f"the loss is {loss}" if not math.isfinite(loss) else f"the norm of the gradients is {norm}"
        for batch in batches:
            place = explain(self.parameters, self.loss, batch)
            if "when the batch is run alone" not in place:
                break
        raise NonFiniteError(f"training stopped at step {self.counters.step + 1}: {what}; {place}")

    # Limits.

    def _limit_reached(self, interruption: Interruption) -> str | None:
        settings, counters = self.settings, self.counters
        if interruption.requested:
            return "interrupted"
        if self._stop is not None:
            return self._stop
        if settings.max_steps is not None and counters.step >= settings.max_steps:
            return "steps"
        if settings.epochs is not None and self.batches.epoch >= settings.epochs:
            return "epochs"
        if settings.max_seconds is not None and counters.seconds >= settings.max_seconds:
            return "seconds"
        if settings.patience and counters.waited >= settings.patience:
            return "patience"
        return None

    def _planned_steps(self) -> int | None:
        """Steps of the whole run, as far as they are known."""
        settings = self.settings
        planned = [settings.max_steps] if settings.max_steps is not None else []
        if settings.epochs is not None and len(self.batches):
            planned.append(settings.epochs * len(self.batches) // settings.accumulate)
        return min(planned, default=None)

    def _seconds_left(self) -> float | None:
        settings, counters = self.settings, self.counters
        left = [] if settings.max_seconds is None else [max(settings.max_seconds - counters.seconds, 0.0)]
        steps = self._planned_steps()
        if steps is not None and counters.step:
            left.append(max(steps - counters.step, 0) * counters.seconds / counters.step)
        return min(left, default=None)

    # Metrics, evaluation, checkpoints.

    def _log(self, loss: float, norm: float, metrics_file: MetricsFile, bar: ProgressBar) -> None:
        counters = self.counters
        speed = counters.units / max(counters.seconds, 1e-9)
        bar.show(counters.step, loss, speed, self._seconds_left())
        if counters.step % self.settings.log_every:
            return
        values = {
            "train/loss": counters.window_loss / max(counters.window_units, 1.0),
            "train/units_per_second": speed,
            "train/learning_rate": self.optimizer.schedule(counters.step - 1),
            "train/gradient_norm": norm,
        }
        counters.window_loss = counters.window_units = 0.0
        metrics_file.write(counters.step, self.batches.epoch, counters.seconds, values)
        LOG.debug("step %d: loss %.4f, %.0f units/s", counters.step, values["train/loss"], speed)

    def _evaluation_due(self) -> bool:
        settings, counters = self.settings, self.counters
        if self.evaluate is None:
            return False
        if settings.evaluate_seconds:
            return counters.seconds - counters.evaluated_seconds >= settings.evaluate_seconds
        if settings.evaluate_every:
            return counters.step % settings.evaluate_every == 0
        return self.batches.epoch > self._evaluated_epoch

    def _just_evaluated(self) -> bool:
        return self.counters.evaluated_step == self.counters.step

    def _evaluate_now(self, metrics_file: MetricsFile, bar: ProgressBar, planned: bool) -> None:
        """Evaluate. One at the end of a run that was not due then changes nothing for a run that resumes it."""
        assert self.evaluate is not None
        counters = self.counters
        self.metrics = self._evaluated(self.evaluate)
        metrics_file.write(
            counters.step,
            self.batches.epoch,
            counters.seconds,
            {f"evaluation/{name}": value for name, value in self.metrics.items()},
        )
        shown = ", ".join(f"{name} {value:.4f}" for name, value in self.metrics.items())
        bar.say(f"step {counters.step}: {shown}")
        LOG.info("step %d: %s", counters.step, shown)
        self._compare(planned)
        for callback in self.callbacks:
            callback.after_evaluation(self, self.metrics)
        counters.evaluated_step = counters.step
        counters.evaluated_seconds = counters.seconds
        self._evaluated_epoch = self.batches.epoch

    def _evaluated(self, evaluate: Callable[[], Metrics]) -> dict[str, float]:
        self.module.eval()
        try:
            if self.average is None:
                return {name: float(value) for name, value in evaluate().items()}
            with self.average.applied():
                return {name: float(value) for name, value in evaluate().items()}
        finally:
            self.module.train()

    def _compare(self, planned: bool) -> None:
        """Keep the best checkpoint; count evaluations without progress; tell schedules."""
        settings, counters = self.settings, self.counters
        if settings.monitor not in self.metrics:
            return
        value = self.metrics[settings.monitor]
        better = counters.best is None or (value < counters.best if settings.mode == "min" else value > counters.best)
        if planned:
            counters.waited = 0 if better else counters.waited + 1
            for schedule in self.optimizer.schedules():
                schedule.observe(value)
        if better:
            counters.best, counters.best_step = value, counters.step
            self._save(BEST)

    def _save(self, name: str) -> None:
        if self.folder is not None:
            self.checkpoint().save(self.folder / name)
            LOG.debug("wrote %s", self.folder / name)

    def checkpoint(self) -> Checkpoint:
        """The run as it is now."""
        data_arrays, data_facts = split_arrays(self.batches.state())
        carried = self._carried()
        arrays = {
            "parameters": tensors_of(self.module),
            "optimizer": self.optimizer.state(),
            "average": {} if self.average is None else self.parameters.views(self.average.values),
            "task": {key: np.asarray(value) for key, value in carried.items()},
            "data": data_arrays,
        }
        facts = {
            **self.facts,
            "counters": asdict(self.counters),
            "evaluated_epoch": self._evaluated_epoch,
            "optimizer": {"kind": type(self.optimizer).__name__, "steps": self.optimizer.steps},
            "schedules": [schedule.state() for schedule in self.optimizer.schedules()],
            "average": None if self.average is None else {"updates": self.average.updates},
            "data": data_facts,
            "random": self.stream.state(),
            "metrics": self.metrics,
        }
        return Checkpoint(arrays, facts)

    def resume(self, checkpoint: Checkpoint | Path) -> None:
        """Go on from a checkpoint: the run continues with the bits of one that was never stopped.

        Raises:
            ArgumentError: it belongs to another model. FormatError: to another optimizer.
        """
        if isinstance(checkpoint, Path):
            checkpoint = Checkpoint.load(checkpoint)
        facts = checkpoint.facts
        self.module.load_state_dict(checkpoint.section("parameters"))
        self.optimizer.restore(checkpoint.section("optimizer"), facts["optimizer"]["steps"])
        for schedule, state in zip(self.optimizer.schedules(), facts["schedules"], strict=True):
            schedule.restore(state)
        if self.average is not None and facts["average"] is not None:
            self.parameters.copy_into(self.average.values, checkpoint.section("average"))
            self.average.updates = facts["average"]["updates"]
        self._restore_carried(checkpoint.section("task"))
        self.batches.restore({**facts["data"], **checkpoint.section("data")})
        self.stream.restore(facts["random"])
        self.counters = Counters(**facts["counters"])
        self._evaluated_epoch = facts["evaluated_epoch"]
        self.metrics = dict(facts["metrics"])
        LOG.info("going on from step %d", self.counters.step)
